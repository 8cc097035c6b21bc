// One chart: Plotly.react on a node that stays, so that zoom and hidden legend entries outlive a change of data.

const NOT_OFFERED = ["toImage", "select2d", "lasso2d"];
const ARROW_ONTO_TRAY = { width: 24, height: 24, path: "M11 2h2v9h4l-5 6-5-6h4zM4 19h16v2H4z" };
const LEAST_WIDTH = 50; // pixels; narrower plotly has no room between its margins and writes text at y = -Infinity
const TRANSPARENT = "rgba(0,0,0,0)";

const charts = new WeakMap(); // root element -> its chart

const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

// Streamlit's own script tells where the app lives, behind a base path or a proxy that strips it alike.
function address(path) {
  const script = document.querySelector('script[type="module"][src*="/static/js/"]');
  return new URL(path, new URL(script ? script.src.replace(/static\/js\/.*$/, "") : ".", document.baseURI)).href;
}

// The library is loaded once for all charts of the page; a failed load is tried again by the next chart. What is drawn
// without it is drawn first: reading it keeps the browser busy for a third of a second.
function library(path) {
  const url = address(path);
  window.nncorePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : script.onerror());
    script.onerror = () => {
      delete window.nncorePlotly;
      script.remove();
      reject(new Error(`the chart library did not load from ${url}; reload the page to try again`));
    };
    whenAtRest(() => document.head.append(script));
  });
  return window.nncorePlotly;
}

function themed(layout, data, root) {
  const given = { ...layout.template?.layout?.font, ...layout.font };
  const { width, height, transition, ...rest } = layout;
  const stillness = isStill() || !transition;
  return {
    uirevision: data.key,
    // A finger that drags scrolls the page; the toolbar's zoom button makes it draw a box.
    ...(matchMedia("(pointer: coarse)").matches ? { dragmode: false } : {}),
    ...rest,
    ...(stillness ? {} : { transition }),
    autosize: true,
    paper_bgcolor: TRANSPARENT,
    plot_bgcolor: TRANSPARENT,
    font: { family: css(root, "--st-font"), color: css(root, "--st-text-color"), ...given },
  };
}

// A picture leaves the page, so it takes the page's background with it.
async function download(chart, format) {
  const { data, layout, _fullLayout } = chart.graph;
  const { width, height } = _fullLayout;
  const figure = { data, layout: { ...layout, width, height, paper_bgcolor: css(chart.root, "--st-background-color") } };
  const filename = String(layout.meta?.name ?? chart.key);
  try {
    await window.Plotly.downloadImage(figure, { format, width, height, scale: 2, filename });
  } catch (problem) {
    fail(chart, problem, "saved");
  }
}

const config = (chart, Plotly, given) => ({
  displaylogo: false,
  showSendToCloud: false, // its button uploads the chart's data to somebody else's server
  doubleClick: "reset+autosize",
  modeBarButtonsToRemove: NOT_OFFERED,
  modeBarButtonsToAdd: [
    { name: "png", title: "Download PNG", icon: Plotly.Icons.camera, click: () => download(chart, "png") },
    { name: "svg", title: "Download SVG", icon: ARROW_ONTO_TRAY, click: () => download(chart, "svg") },
  ],
  ...given,
});

function fail(chart, problem, what = "drawn") {
  console.error(problem);
  if (what === "drawn") chart.shown = null;
  chart.message.textContent = `This chart could not be ${what}: ${problem?.message ?? problem}.`;
  chart.message.hidden = false;
  chart.failed = what === "drawn";
  chart.graph.hidden = chart.failed;
}

const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : (value ?? null));

function listen(chart) {
  chart.graph.on("plotly_afterplot", () => layersDrawn(chart));
  chart.graph.on("plotly_click", ({ points: [point] }) => {
    const { x, y, z, curveNumber: curve, pointNumber, customdata } = point;
    chart.click?.("click", {
      x: plain(x), y: plain(y), z: plain(z), curve, point: plain(pointNumber), customdata: plain(customdata),
    });
  });
}

// One tab stop for the toolbar; the arrow keys walk along it.
function makeToolbarOneTabStop(chart) {
  const buttons = [...chart.graph.querySelectorAll(".modebar-btn")];
  const stop = buttons.find((button) => button === document.activeElement) ?? buttons[0];
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

function walkToolbar(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const button = event.target.closest?.(".modebar-btn");
  if (!step || !button) return;
  const buttons = [...button.closest(".modebar").querySelectorAll(".modebar-btn")];
  const next = buttons.at((buttons.indexOf(button) + step) % buttons.length);
  for (const each of buttons) each.tabIndex = each === next ? 0 : -1;
  next.focus();
  event.preventDefault();
}

// Plotly keeps a zoom while the figure asks for the range that it asked for before; another range is no reason to lose
// it. A double click leads to the range that the newest figure asks for.
function keepZoom(graph, layout) {
  const full = graph._fullLayout;
  for (const [name, { range }] of Object.entries(layout).filter(([key, axis]) => /^[xy]axis\d*$/.test(key) && axis.range)) {
    const axis = full?.[name];
    if (!axis?.range) continue;
    const isZoomed = axis.range[0] !== axis._rangeInitial0 || axis.range[1] !== axis._rangeInitial1;
    for (const end of [0, 1]) {
      const key = `${name}.range[${end}]`;
      if (isZoomed && key in full._preGUI) full._preGUI[key] = range[end];
    }
    [axis._rangeInitial0, axis._rangeInitial1] = range;
  }
}

// While Streamlit lays a row of columns out, a chart may be a sliver: it is drawn when it has got its width.
const hasRoom = (chart) => chart.root.clientWidth >= LEAST_WIDTH;

// Between two charts that the server has sent at once the browser shows the first of them, and hears its reader.
let turns = Promise.resolve();
const turn = () => (turns = turns.then(() => new Promise((resolve) => setTimeout(resolve))));

// The newest data wins: what arrives while a picture is being drawn replaces what has been waiting.
function paint(chart) {
  if (chart.next && !chart.busy && hasRoom(chart)) chart.painting = paintAll(chart);
  return chart.painting;
}

async function paintAll(chart) {
  const { root, graph } = chart;
  chart.busy = true;
  while (chart.next) {
    const data = chart.next;
    chart.next = null;
    try {
      const Plotly = await library(data.library);
      if (chart.inSight === false) await new Promise(whenAtRest); // charts in sight come first
      if (!window.nncorePlaying) await turn();
      if (!root.isConnected) break;
      if (!hasRoom(chart)) {
        chart.next ??= data;
        break;
      }
      if (chart.failed) Plotly.purge(graph);
      const playing = isFollowing(chart) ? window.nncorePlaying : null;
      chart.moved = playing ? null : movedThumb(data.ahead);
      const figure = playing ? chart.frames.figure(playing.frame) : exact(chart, data);
      if (!paintUpon(chart, figure)) await paintWhole(chart, Plotly, data, figure);
      if (!noteThumb(chart)) note(chart, playing && { frames: chart.frames, frame: playing.frame });
    } catch (problem) {
      fail(chart, problem);
    }
  }
  chart.busy = false;
}

async function paintWhole(chart, Plotly, data, figure) {
  const { root, graph } = chart, isFirst = !graph.on;
  chart.shown = null;
  graph.hidden = false;
  const { data: traces, layout = {}, frames } = fresh(figure);
  const given = { data: traces, layout: themed(layout, data, root), frames };
  keepZoom(graph, given.layout);
  // A config draws everything anew, zoom and all: it is handed over only when it is another one.
  const wanted = JSON.stringify(data.figure.config);
  if (isFirst || wanted !== chart.config) given.config = config(chart, Plotly, data.figure.config);
  chart.config = wanted;
  await Plotly.react(graph, given);
  if (isFirst) {
    listen(chart);
    layersDrawn(chart); // the first painting is over before anybody could listen
  }
  makeToolbarOneTabStop(chart);
  chart.failed = false;
  chart.message.hidden = true;
  chart.shown = figure;
}

// Upon what the chart shows only what differs is drawn; false where that takes a whole figure.
function paintUpon(chart, figure) {
  if (!chart.shown) return false;
  const changes = differences(chart.shown, figure);
  if (changes.length && !drawChanges(chart.graph, changes)) return false;
  chart.shown = figure;
  return true;
}

// What the server says of its record, on the frames' axes while they are true: the thumb's next move changes no axis. Where the
// thumb of another slider has moved on, a line goes with it.
function exact({ frames, moved }, data) {
  const figure = frames && data.frames?.run === frames.run ? frames.hold(data.figure) : data.figure;
  return moved ? figureAhead(figure, data.ahead, moved) : figure;
}

// Out of sight no line goes with the thumb: it would only keep the server's answer waiting.
function moveAhead(chart) {
  if (movedThumb(chart.data?.ahead) ? !chart.inSight : !chart.moved) return;
  chart.next = chart.data;
  paint(chart);
}

// Says where the thumb stands that the chart is drawn for; such a picture is none that the server has sent or a frame.
function noteThumb({ graph, moved }) {
  graph.dataset.thumb = moved ? `${moved.key} ${moved.value}` : "";
  return Boolean(moved);
}

function note(chart, drawn) {
  const { graph } = chart;
  chart.drawn = drawn;
  graph.dataset.painted = Number(graph.dataset.painted ?? 0) + 1;
  graph.dataset.frame = drawn?.frame ?? "";
}

// Layers lie along an axis of some charts (meta.along, meta.layers). One of them may be marked, for all charts at once; and
// whoever draws columns above such a chart hears where its first and last layer stand, unless they move with a thumb.
function layersDrawn(chart) {
  const { root, graph, key } = chart, { xaxis, meta } = graph._fullLayout;
  markLayer(chart);
  if (meta?.along !== "x" || chart.moved) return;
  const [first, last] = [1, meta.layers].map((layer) => Math.round(xaxis._offset + xaxis.l2p(layer)));
  const axis = { first, last, layers: meta.layers, width: root.clientWidth };
  window.dispatchEvent(new CustomEvent("nncore-painted", { detail: { key, axis } }));
}

function markLayer({ graph, mark }) {
  const { xaxis, yaxis, meta, _size: size } = graph._fullLayout ?? {}, layer = window.nncoreLayer;
  mark.hidden = !layer || !meta?.along || layer > meta.layers;
  if (mark.hidden) return;
  const isAcross = meta.along === "x", axis = isAcross ? xaxis : yaxis;
  const ends = [layer - 0.4, layer + 0.4].map((edge) => Math.min(Math.max(axis.l2p(edge), 0), axis._length) + axis._offset);
  const start = Math.min(...ends), length = Math.abs(ends[1] - ends[0]);
  const box = isAcross ? [start, size.t, length, size.h] : [size.l, start, size.w, length];
  ["left", "top", "width", "height"].forEach((side, place) => (mark.style[side] = `${box[place]}px`));
}

// The player names a frame; charts in sight are drawn before it names the next, the others when they come into sight.
// A chart in sight that the server has not yet come to (Streamlit calls it stale) is waited for.
function follow(chart, event) {
  if (event.detail.run !== chart.frames?.run) {
    const isToCome = chart.inSight && (chart.isReading || chart.root.closest('[data-stale="true"]'));
    if (isToCome) event.detail.wait(new Promise((resolve) => chart.waiting.push(resolve)));
    return;
  }
  const { frames, inSight, busy } = chart, { frame } = event.detail;
  if (inSight && !busy && !chart.next && paintUpon(chart, frames.figure(frame))) return note(chart, { frames, frame });
  chart.next = chart.data;
  if (chart.inSight) event.detail.wait(paint(chart));
}

// The charts are to show what the server says: it has answered where the step slider's thumb stands.
function showExact(chart) {
  if (!chart.drawn && !chart.busy && !chart.next) return;
  chart.next = chart.data;
  paint(chart);
}

const isFollowing = ({ frames }) => Boolean(frames) && window.nncorePlaying?.run === frames.run;

const showsFrame = (chart) =>
  isFollowing(chart) && chart.drawn?.frames === chart.frames && chart.drawn.frame === window.nncorePlaying.frame;

// Frames are unpacked beside the drawing; the player starts when the first chart is ready. They stay when the server sends
// none: it says by their run's name whether they are still true.
async function take(chart, frames) {
  chart.isReading = true;
  try {
    const read = await readFrames(frames);
    if (chart.taken !== frames) return;
    chart.frames = read;
    window.dispatchEvent(new CustomEvent("nncore-ready", { detail: { run: frames.run } }));
    chart.next = chart.data;
    if (isFollowing(chart)) {
      if (chart.inSight) paint(chart);
    } else whenAtRest(() => paint(chart));
  } catch (problem) {
    fail(chart, problem, "played");
  } finally {
    if (chart.taken === frames) arrive(chart);
  }
}

function arrive(chart) {
  chart.isReading = false;
  for (const resolve of chart.waiting.splice(0)) resolve();
}

function create(root) {
  const chart = {
    root,
    graph: root.querySelector(".nncore-plot-graph"),
    message: root.querySelector(".nncore-plot-message"),
    mark: root.querySelector(".nncore-plot-mark"),
    width: 0,
    height: 0,
    waiting: [], // what the player waits for until this chart has its frames
  };
  // A chart in a hidden tab has no width: it is drawn when it is shown.
  chart.observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = root;
    if (!hasRoom(chart) || (width === chart.width && height === chart.height)) return;
    Object.assign(chart, { width, height });
    // Drawn anew from its own layout: after a mere resize the room that plotly left for a wrapped legend stays.
    chart.shown = null;
    chart.next ??= chart.graph.on && !chart.failed ? chart.data : null;
    paint(chart);
  });
  chart.observer.observe(root);
  chart.sight = new IntersectionObserver(([entry]) => {
    chart.inSight = entry.isIntersecting;
    if (chart.inSight && chart.next) paint(chart);
    else moveAhead(chart);
  });
  chart.sight.observe(root);
  chart.follow = (event) => follow(chart, event);
  chart.markLayer = () => markLayer(chart);
  chart.showExact = () => showExact(chart);
  window.addEventListener("nncore-frame", chart.follow);
  window.addEventListener("nncore-exact", chart.showExact);
  window.addEventListener("nncore-layer", chart.markLayer);
  root.addEventListener("keydown", walkToolbar);
  return chart;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".nncore-plot");
  let chart = charts.get(root);
  if (!chart) charts.set(root, (chart = create(root)));
  root.style.height = `${data.height}px`;
  root.id = data.key; // a link to #key jumps to the chart
  root.setAttribute("aria-label", data.alt);
  chart.graph.dataset.testid = `plot-${data.key}`;
  chart.key = data.key;
  chart.click = data.click ? setTriggerValue : null;
  // Streamlit calls again when its theme changes but does not rerun the app, whose figures have the old theme's colours.
  const background = css(root, "--st-background-color");
  const isNewTheme = chart.background !== undefined && chart.background !== background;
  chart.background = background;
  if (isNewTheme) setTriggerValue("theme", background);
  if (data !== chart.data || isNewTheme) {
    chart.data = data;
    if (isNewTheme) chart.shown = null;
    if (data.ahead) chart.thumbs ??= watchThumbs(document.body, ".stSlider", () => moveAhead(chart));
    if (data.frames?.builds && data.frames !== chart.taken) take(chart, (chart.taken = data.frames));
    else if (!chart.isReading) arrive(chart);
    if (isNewTheme || !showsFrame(chart)) {
      chart.next = data;
      if (chart.inSight || !isFollowing(chart)) paint(chart);
    }
  }
  return () => {
    if (root.isConnected) return; // an earlier call's farewell: the chart itself stays
    arrive(chart);
    chart.observer.disconnect();
    chart.sight.disconnect();
    chart.thumbs?.disconnect();
    window.removeEventListener("nncore-frame", chart.follow);
    window.removeEventListener("nncore-exact", chart.showExact);
    window.removeEventListener("nncore-layer", chart.markLayer);
    if (chart.graph.on) window.Plotly.purge(chart.graph);
  };
}
