// The next frame on a chart that is drawn: only what differs is drawn anew, by the parts of plotly.js that draw it. Axes,
// legend, colour bars and notes stay; where a frame would change one of them, the whole figure has to be drawn.

const DATA = ["x", "y", "z", "customdata"];
const ENDS = ["x0", "x1"];

// Draws the changes [{path, from, to}, ...] of a figure, or says that they take the whole figure and changes nothing.
function drawFrame(graph, changes) {
  if (!changes.every((change) => canBeDrawn(graph, change))) return false;
  for (const { path, to } of changes) {
    put(graph, path, to);
    put({ data: graph._fullData, layout: graph._fullLayout }, path, to);
  }
  const traces = changed(changes, "data", (key) => DATA.includes(key)).map((index) => graph._fullData[index]);
  drawTraces(graph, traces.filter((trace) => trace.visible === true));
  for (const index of changed(changes, "layout", (key) => key === "shapes", 2)) placeLine(graph, index);
  for (const index of changed(changes, "data", (key) => key === "name")) writeName(graph, index);
  return true;
}

function put(figure, path, value) {
  const owner = path.slice(0, -1).reduce((part, key) => part?.[key], figure);
  if (owner) owner[path.at(-1)] = value;
}

// The places in `root` that have changes of a kind.
function changed(changes, root, isKind, at = 1) {
  const found = changes.filter(({ path }) => path[0] === root && isKind(path[root === "data" ? 2 : 1]));
  return [...new Set(found.map(({ path }) => path[at]))];
}

function canBeDrawn(graph, { path: [root, place, key, ...rest], from, to }) {
  const full = graph._fullLayout;
  if (root === "layout" && place === "meta") return true;
  if (root === "layout" && place === "shapes") return canBePlaced(full, full.shapes[key], rest, from, to);
  const trace = graph._fullData[place];
  if (root !== "data" || rest.length || !trace) return false;
  if (key === "name") return from.length === to.length && !/[<&]/.test(from + to); // another length takes another place
  if (!DATA.includes(key) || !isAlike(from, to)) return false;
  const { calc, plot, style } = trace._module ?? {}, { [trace.xaxis]: _, ...axes } = axesOf(graph, trace);
  if (!calc || !plot || !style || !axes.x || !axes.y) return false;
  return key === "customdata" || (key === "z" ? trace.zauto === false && !trace.coloraxis : !axes[key].autorange);
}

const axesOf = ({ _fullLayout: { _plots: plots } }, { xaxis, yaxis }) => {
  const { xaxis: x, yaxis: y } = plots[xaxis + yaxis] ?? {};
  return { x, y };
};

const isAlike = (one, other) => one?.length === other?.length && (!Array.isArray(one) || one.every((row, index) => isAlike(row, other[index])));
