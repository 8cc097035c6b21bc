// While the thumb of a slider is held, a line of the chart moves with it: it is drawn from what the server has said ahead of
// the settings along that slider, and what it has not said of them is hidden.

const NEAR = 1e-9;

// The slider whose thumb stands elsewhere than for the figure, and where; null where all stand as they did.
function movedThumb(ahead) {
  for (const [key, slider] of Object.entries(ahead?.sliders ?? {})) {
    const box = document.querySelector(`.st-key-${key}`), value = thumbOf(box);
    if (!Number.isNaN(value) && !isThumbAt(box, slider.at)) return { key, slider, value };
  }
  return null;
}

function figureAhead(figure, { line, hidden }, { slider, value }) {
  const logs = lineAt(slider, value);
  const moved = { x: logs.map((_, index) => index + 1), y: logs.map((log) => 10 ** log) };
  const data = figure.data.map((trace) => {
    if (trace.uid === hidden) return { ...trace, visible: false };
    return trace.uid === line ? { ...trace, ...moved } : trace;
  });
  return { ...figure, data, layout: withRoom(figure.layout, logs) };
}

// log10 of the line's values: at one of the slider's stops its own, between two of them along a straight line over the
// logarithm of the setting; none below the first.
function lineAt({ stops, logs }, value) {
  const rows = decoded(logs), next = stops.findIndex((stop) => stop > value - NEAR);
  if (next === 0 && stops[0] > value + NEAR) return [];
  const [low, high] = [stops[next - 1], stops[next]], isStop = Math.abs(high - value) < NEAR;
  const share = isStop ? 1 : Math.log(value / low) / Math.log(high / low);
  const line = isStop ? [...rows[next]] : Array.from(rows[next], (log, index) => rows[next - 1][index] * (1 - share) + log * share);
  return line.filter((log) => !Number.isNaN(log));
}

// Axes move only for what they do not hold: that of the layers to the last one, that of the norms by whole decades.
function withRoom({ xaxis, yaxis, ...layout }, logs) {
  const [first, end] = xaxis.range, [bottom, top] = yaxis.range, seen = logs.filter(Number.isFinite);
  const last = Math.max(end, logs.length + 0.5);
  const low = Math.min(bottom, ...seen.map(Math.floor)), high = Math.max(top, ...seen.map(Math.ceil));
  const layers = { range: [first, last], tickmode: "linear", tick0: 1, dtick: Math.ceil((last - first) / 16) };
  const decades = { range: [low, high], dtick: [1, 2, 5, 10, 20, 50].find((step) => high - low <= 9 * step) ?? 100 };
  return {
    ...layout,
    xaxis: last > end ? { ...xaxis, ...layers } : xaxis,
    yaxis: low < bottom || high > top ? { ...yaxis, ...decades } : yaxis,
  };
}
