// The network lit by its gradient: an edge's light is |∂E/∂W|, a unit's ring |δ|, both on one scale that never changes.

const SVG = "http://www.w3.org/2000/svg";
const SAID = 28, NUMBERS = 20, TRACE = 92, GAP = 10; // pixels: the line of words, the row of layers, the trace of δ
const LEFT = 46, RIGHT = 14;
const DARKEST = 0.05; // opacity of an edge whose gradient is below the scale
const WORDS = "Walk back";
const PULSE = { least: 1400, most: 3600, ofLayer: 200 }; // milliseconds
const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const networks = new WeakMap(); // root element -> its network

const clamp = (value, low = 0, high = 1) => Math.min(Math.max(value, low), high);

function node(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent?.append(made);
  return made;
}

// Numbers as the page writes them: 0.0427, 1.7 · 10⁻⁸.
function magnitude(log, sign = 1) {
  if (Number.isNaN(log)) return "not finite";
  if (log === -Infinity) return "exactly 0";
  if (log === Infinity) return "∞";
  const minus = sign < 0 ? "−" : "";
  if (log >= -3 && log < 4) return minus + String(Number((10 ** log).toPrecision(3)));
  let exponent = Math.floor(log), digits = 10 ** (log - exponent);
  if (digits >= 9.95) [exponent, digits] = [exponent + 1, 1];
  return `${minus}${digits.toFixed(1)} · 10${raised(exponent)}`;
}

const raised = (whole) => [...String(whole)].map((letter) => SUPERSCRIPT[letter]).join("");
const power = (whole) => (whole ? `10${raised(whole)}` : "1");
const plain = (value) => `${value < 0 ? "−" : ""}${Math.abs(Number(value.toPrecision(3)))}`;

const arrays = new WeakMap(); // packed array -> what it holds: all frames of a playing share those that stay

function array(values) {
  if (!arrays.has(values)) {
    const bytes = Uint8Array.from(atob(values.bdata), (letter) => letter.charCodeAt(0));
    arrays.set(values, new TYPES[values.dtype](bytes.buffer));
  }
  return arrays.get(values);
}

const unpacked = (trace) =>
  Object.fromEntries(Object.entries(trace).map(([key, value]) => [key, value?.bdata ? array(value) : value]));

// 0 at the scale's floor and below, 1 at its top and above.
const light = ({ scale: [floor, top] }, log) => (Number.isNaN(log) ? 0 : clamp((log - floor) / (top - floor)));

// Geometry ----------------------------------------------------------------------------------------------------

// The columns stand on the layer axis of the chart that they share it with, where it has been drawn.
function places(network) {
  const { width } = network, { layers } = network.scene;
  const axis = network.axis;
  let first = LEFT + (width - LEFT - RIGHT) / (layers + 1), last = width - RIGHT - 8;
  if (axis && axis.width === width && axis.layers === layers) ({ first, last } = axis);
  const step = layers > 1 ? (last - first) / (layers - 1) : 0;
  const x = Array.from({ length: layers + 1 }, (_, layer) => (layer ? first + (layer - 1) * step : Math.max(first - (step || first), 12)));
  return x;
}

function heights(network, column) {
  const { top, bottom, most } = network.box;
  const gap = (bottom - top) / most, start = (top + bottom) / 2 - (gap * (column.length - 1)) / 2;
  return column.map((_, row) => start + row * gap);
}

// Drawing -----------------------------------------------------------------------------------------------------

function build(network) {
  const { svg, scene, data, width } = network, { colours, columns } = scene;
  const traced = data.height - TRACE;
  for (const [drawing, height] of [[svg, traced], [network.below, TRACE]]) {
    drawing.replaceChildren();
    drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    drawing.setAttribute("height", height);
  }
  network.box = { top: SAID + 8, bottom: traced - NUMBERS - GAP, most: Math.max(...columns.map((column) => column.length)) };
  network.trace = { top: 0, bottom: TRACE - 8 };
  const x = (network.x = places(network));
  const y = columns.map((column) => heights(network, column));
  const place = columns.map((column) => new Map(column.map((unit, row) => [unit, row])));
  const step = x.length > 2 ? x[2] - x[1] : width;
  const radius = clamp(Math.min(step / 5, (network.box.bottom - network.box.top) / network.box.most / 2 - 1), 2, 8);
  network.mark = node("rect", { y: SAID, height: traced - SAID - GAP, width: 0, rx: 4, fill: colours.primary, opacity: 0.14 }, svg);
  const groups = columns.map((_, layer) => layer && node("g", { "data-layer": layer, "stroke-linecap": "round" }, svg));
  const { from, to, layer } = scene.edges;
  network.lines = Array.from(layer, (l, edge) =>
    node("line", {
      x1: x[l - 1], y1: y[l - 1][place[l - 1].get(from[edge])], x2: x[l], y2: y[l][place[l].get(to[edge])], "data-edge": edge,
    }, groups[l]));
  for (const part of [network.cover, network.front]) {
    part.style.top = `${SAID}px`;
    part.style.height = `${traced - SAID - NUMBERS - GAP / 2}px`;
  }
  network.front.style.background = colours.delta;
  const [low, bar, high] = network.scale.children, [floor, top] = scene.scale;
  [low.textContent, high.textContent] = [power(floor), power(top)];
  bar.style.background = `linear-gradient(to right, color-mix(in srgb, ${colours.positive} ${100 * DARKEST}%, transparent), ${colours.positive})`;
  network.rings = [];
  network.columns = columns.map((column, l) => {
    const group = node("g", { "data-layer": l }, svg);
    column.forEach((unit, row) => {
      const ring = node("circle", { cx: x[l], cy: y[l][row], r: l ? radius : Math.max(radius - 2, 2), fill: colours.raised, "data-unit": unit }, group);
      if (l) network.rings.push(ring);
      else ring.setAttribute("stroke", colours.muted);
    });
    return group;
  });
  const every = Math.ceil(columns.length / Math.max(Math.floor((width - LEFT) / 30), 1));
  columns.forEach((_, l) => {
    if (!l && x[1] - x[0] < 18) return;
    if (l && (l - 1) % every && l !== columns.length - 1) return;
    if (l && l !== columns.length - 1 && columns.length - 1 - l < every && every > 1) return;
    const label = node("text", {
      x: x[l], y: traced - GAP, fill: colours.muted, "font-size": 12 * scene.size, "text-anchor": "middle", "data-layer": l,
    }, svg);
    label.textContent = l || "x";
  });
  buildTrace(network);
}

function height(network, log) {
  const { top, bottom } = network.trace, [floor, ceiling] = network.scene.scale;
  return bottom - ((clamp(log, floor, ceiling) - floor) / (ceiling - floor)) * (bottom - top - 6);
}

function buildTrace(network) {
  const { below: svg, scene, x, width } = network, { colours, scale: [floor, top] } = scene;
  for (let exponent = floor; exponent <= top; exponent += 4) {
    const y = height(network, exponent);
    node("line", { x1: LEFT, x2: width - RIGHT + 8, y1: y, y2: y, stroke: colours.border }, svg);
    const label = node("text", {
      x: LEFT - 6, y, fill: colours.muted, "font-size": 11 * scene.size, "text-anchor": "end", "dominant-baseline": "central",
    }, svg);
    label.textContent = power(exponent);
  }
  const name = node("text", { x: 0, y: 10, fill: colours.delta, "font-size": 12 * scene.size, "font-weight": 600 }, svg);
  name.textContent = "‖δ‖";
  network.ghost = node("polyline", {
    fill: "none", stroke: colours.theory, "stroke-width": 2, "stroke-dasharray": "2 4", "stroke-linecap": "round", class: "ghost",
  }, svg);
  network.line = node("polyline", { fill: "none", stroke: colours.delta, "stroke-width": 2.5, class: "trace" }, svg);
  network.dot = node("circle", { r: 5, fill: colours.delta }, svg);
}

// The points of a trace, those that are zero or not finite left out.
function points(network, logs, from = 1) {
  const found = [];
  logs.forEach((log, index) => {
    const layer = index + 1;
    if (layer >= from && layer < network.x.length && !Number.isNaN(log) && log !== -Infinity)
      found.push([network.x[layer], height(network, log)]);
  });
  return found;
}

const joined = (found) => found.map((point) => point.join(",")).join(" ");

// An attribute that has this value already costs nothing: from frame to frame of a playing most stay.
const given = new WeakMap(); // element -> the attributes that `give` gave it

function give(element, attributes) {
  const had = given.get(element) ?? {};
  for (const [name, value] of Object.entries(attributes)) {
    if (had[name] === value) continue;
    if (value === null) element.removeAttribute(name);
    else element.setAttribute(name, value);
  }
  given.set(element, attributes);
}

// Everything that a record changes.
function paint(network) {
  const { scene } = network, { edges, units, colours } = scene;
  network.lines.forEach((line, edge) => {
    const weight = edges.weight[edge], size = Math.abs(weight);
    give(line, {
      stroke: weight < 0 ? colours.negative : colours.positive,
      "stroke-width": Number.isFinite(size) ? (0.6 + (2.4 * size) / (1 + size)).toFixed(2) : 3,
      "stroke-opacity": (DARKEST + (1 - DARKEST) * light(scene, edges.log[edge])).toFixed(3),
      "stroke-dasharray": weight < 0 ? "5 4" : null,
    });
  });
  network.rings.forEach((ring, unit) => {
    const bright = light(scene, units.log[unit]);
    give(ring, {
      stroke: bright ? colours.delta : colours.muted,
      "stroke-width": (1 + 2.5 * bright).toFixed(2),
      "stroke-opacity": (0.35 + 0.65 * bright).toFixed(3),
    });
  });
  network.ghost.setAttribute("points", joined(points(network, scene.ghost)));
}

// The way back: at `front` = 7.3 the pulse is between layers 8 and 7; at 0.5 it has arrived, or gone out.
function walk(network, front) {
  const { scene, x } = network, { layers } = scene, logs = scene.logs;
  network.at = front;
  if (!x) return; // it has had no room to be drawn so far
  const here = clamp(front, 1, layers), low = Math.floor(here), high = Math.min(low + 1, layers), share = here - low;
  const log = share ? logs[low - 1] * (1 - share) + logs[high - 1] * share : logs[low - 1];
  const at = x[low] + (x[high] - x[low]) * share, bright = light(scene, log);
  const moves = front > 0.5 && front < layers + 0.5;
  network.cover.hidden = !moves;
  network.cover.style.transform = `translateX(${at - network.width}px)`;
  network.front.style.transform = `translateX(${at}px)`;
  network.front.style.opacity = moves ? (0.75 * bright).toFixed(3) : 0;
  const seen = points(network, logs, Math.ceil(here));
  const shown = Number.isFinite(log);
  if (shown && share) seen.unshift([at, height(network, log)]);
  network.line.setAttribute("points", joined(seen));
  network.dot.setAttribute("cx", at);
  network.dot.setAttribute("cy", shown ? height(network, log) : network.trace.bottom);
  network.dot.setAttribute("r", (2 + 5 * bright).toFixed(2));
  network.dot.setAttribute("opacity", moves ? (0.3 + 0.7 * bright).toFixed(3) : bright ? 1 : 0.3);
  network.said.textContent = moves && layers > 1 ? stage(network, Math.round(here)) : scene.said;
}

// One layer of the way back in words: what arrives there, and the factor since the layer above.
function stage({ scene: { logs, layers } }, layer) {
  const arrived = `layer ${layer}: ‖δ‖ ${magnitude(logs[layer - 1])}`;
  if (layer === layers) return `${arrived} at the output`;
  const factor = logs[layer - 1] - logs[layer];
  return Number.isFinite(factor) ? `${arrived} (× ${magnitude(factor)})` : arrived;
}

function pulse(network) {
  const { layers } = network.scene;
  cancelAnimationFrame(network.frame);
  finish(network);
  if (isStill() || layers < 2) return walk(network, 0);
  const lasts = clamp(PULSE.ofLayer * layers, PULSE.least, PULSE.most), mine = (network.walking = {});
  showMoving(network.root, true);
  let began;
  network.frames = 0;
  const step = (now) => {
    if (network.walking !== mine || !network.root.isConnected) return;
    began ??= now;
    const share = clamp((now - began) / lasts);
    network.frames += 1;
    walk(network, share < 1 ? layers + 0.5 - share * layers : 0);
    if (share < 1) network.frame = requestAnimationFrame(step);
    else finish(network, now - began);
  };
  network.root.dataset.pulse = "walking";
  network.frame = requestAnimationFrame(step);
}

function finish(network, milliseconds = 0) {
  network.walking = null;
  showMoving(network.root, false, WORDS);
  network.root.dataset.pulse = "arrived";
  if (milliseconds) network.root.dataset.rate = (network.frames / (milliseconds / 1000)).toFixed(1);
}

// The walk can be held at any layer, and taken layer by layer; past either end stands the whole network.
function press(network, does) {
  const { layers } = network.scene, here = Math.round(network.at);
  if (does === "play" && !network.walking) return pulse(network);
  finish(network);
  if (does === "play") return;
  const next = { back: here ? here + 1 : 1, forward: here ? here - 1 : layers, first: layers, last: 0 }[does];
  walk(network, next > layers ? 0 : next);
}

// What is pointed at ------------------------------------------------------------------------------------------

function about(network, target) {
  const { scene } = network, { edges, units } = scene;
  if (target.dataset.edge !== undefined) {
    const edge = Number(target.dataset.edge), layer = edges.layer[edge];
    return {
      layer, from: edges.from[edge], to: edges.to[edge],
      text: `W${layer}[${edges.from[edge]}, ${edges.to[edge]}] = ${plain(edges.weight[edge])}\n` +
        `∂E/∂W = ${magnitude(edges.log[edge], edges.sign[edge])}`,
    };
  }
  const group = target.closest("[data-layer]"), layer = Number(group?.dataset.layer ?? NaN);
  if (Number.isNaN(layer)) return null;
  const of = scene.widths[layer];
  if (target.dataset.unit === undefined) {
    if (!layer) return { layer, text: `inputs: ${of}` };
    return { layer, text: `layer ${layer}: ${of} units, ‖δ‖ ${magnitude(scene.logs[layer - 1])}` };
  }
  const unit = Number(target.dataset.unit);
  if (!layer) return { layer, to: unit, text: `input ${unit} of ${of}` };
  const index = network.rings.indexOf(target);
  return { layer, to: unit, text: `layer ${layer}, unit ${unit} of ${of}\nδ = ${magnitude(units.log[index])}, rms over rows` };
}

function point(network, target, event) {
  const found = target && about(network, target);
  network.tip.hidden = !found;
  if (!found) return;
  network.tip.textContent = found.text;
  const box = network.root.getBoundingClientRect(), to = target.getBoundingClientRect();
  const x = event ? event.clientX - box.left : to.left + to.width / 2 - box.left;
  const y = event ? event.clientY - box.top : to.top + to.height / 2 - box.top;
  network.tip.style.left = `${clamp(x + 12, 0, Math.max(box.width - network.tip.offsetWidth - 4, 0))}px`;
  network.tip.style.top = `${clamp(y + 14, 0, Math.max(box.height - network.tip.offsetHeight - 4, 0))}px`;
}

// A layer that is chosen is marked here and in every chart that has layers.
function mark(network, layer) {
  network.marked = layer;
  placeMark(network);
  window.nncoreLayer = layer;
  window.dispatchEvent(new CustomEvent("nncore-layer", { detail: { layer } }));
}

function placeMark(network) {
  const { x, marked: layer } = network, step = x.length > 2 ? x[2] - x[1] : 40;
  const wide = Math.min(step * 0.8, 40);
  network.mark.setAttribute("width", layer ? wide : 0);
  if (layer) network.mark.setAttribute("x", x[layer] - wide / 2);
}

function choose(network, target) {
  const found = about(network, target);
  if (!found?.layer) return;
  if (found.to === undefined) return mark(network, network.marked === found.layer ? 0 : found.layer);
  mark(network, found.layer);
  const strongest = found.from ?? strongestInto(network, found.layer, found.to);
  network.click?.("click", { layer: found.layer, from: strongest, to: found.to });
}

// The edge into a unit that has the largest gradient stands for it.
function strongestInto({ scene: { edges } }, layer, unit) {
  let best = -1;
  edges.layer.forEach((l, edge) => {
    if (l === layer && edges.to[edge] === unit && (best < 0 || edges.log[edge] > edges.log[best])) best = edge;
  });
  return edges.from[best];
}

// The arrow keys walk over layers and units; Enter chooses what they stand on, Escape lets go.
function key(network, event) {
  const { columns } = network.scene, at = network.cursor ?? { layer: columns.length, row: 0 };
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  if (event.target !== network.root) return;
  if (moves) {
    const layer = clamp(at.layer + moves[0], 0, columns.length - 1);
    network.cursor = { layer, row: clamp(at.row + moves[1], 0, columns[layer].length - 1) };
  } else if (event.key === "Escape") {
    network.cursor = null;
    mark(network, 0);
  } else if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  const target = network.cursor && network.columns[network.cursor.layer].children[network.cursor.row];
  for (const each of network.svg.querySelectorAll("circle[data-cursor]")) each.removeAttribute("data-cursor");
  target?.setAttribute("data-cursor", "");
  point(network, target);
  network.live.textContent = network.tip.hidden ? "" : network.tip.textContent;
  if (target && (event.key === "Enter" || event.key === " ")) choose(network, target);
}

// Pictures ----------------------------------------------------------------------------------------------------

function picture(network) {
  const copy = network.svg.cloneNode(true), { width, data, scene } = network;
  copy.setAttribute("viewBox", `0 0 ${width} ${data.height}`);
  copy.setAttribute("height", data.height);
  node("g", { transform: `translate(0 ${data.height - TRACE})` }, copy).append(...network.below.cloneNode(true).children);
  copy.setAttribute("xmlns", SVG);
  copy.setAttribute("width", width);
  copy.setAttribute("font-family", getComputedStyle(network.root).fontFamily);
  copy.prepend(node("rect", { width, height: data.height, fill: scene.colours.background }));
  const said = node("text", { x: 0, y: 18, fill: scene.colours.ink, "font-size": 14 }, copy);
  said.textContent = scene.said;
  return new XMLSerializer().serializeToString(copy);
}

async function save(network, format) {
  const url = URL.createObjectURL(new Blob([picture(network)], { type: "image/svg+xml" }));
  const link = document.createElement("a");
  link.download = `network.${format}`;
  link.href = url;
  if (format === "png") {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * network.width, 2 * network.data.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    link.href = canvas.toDataURL("image/png");
  }
  link.click();
  URL.revokeObjectURL(url);
}

// Life --------------------------------------------------------------------------------------------------------

function take(network, figure) {
  const [edges, units] = figure.data.map(unpacked), { meta } = figure.layout;
  network.scene = { ...meta, edges, units, logs: Array.from(units.norms), ghost: Array.from(units.ghost) };
}

function shape(network) {
  const { widths, columns, colours } = network.scene;
  return JSON.stringify([widths, columns, colours, network.width, network.axis, network.data.height]);
}

function draw(network) {
  if (!network.scene || network.width < 80) return;
  const wanted = shape(network);
  if (network.shape !== wanted) build(network);
  network.shape = wanted;
  paint(network);
  walk(network, network.walking ? network.at : 0);
  if (network.marked > network.scene.layers) mark(network, 0);
  placeMark(network);
  network.root.dataset.painted = Number(network.root.dataset.painted ?? 0) + 1;
}

async function takeFrames(network, frames) {
  const read = await readFrames(frames);
  if (network.taken !== frames) return;
  network.playing = read;
  window.dispatchEvent(new CustomEvent("nncore-ready", { detail: { run: frames.run } }));
}

function create(root) {
  const find = (selector) => root.querySelector(selector);
  const network = {
    root, svg: find(".nncore-network-drawing"), below: find(".nncore-network-trace"), cover: find(".nncore-network-cover"),
    front: find(".nncore-network-front"), scale: find(".nncore-network-scale"), said: find("output"), tip: find(".nncore-network-tip"), live: find("[aria-live]"), width: 0, marked: 0,
  };
  network.observer = new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - network.width) < 1) return;
    network.width = root.clientWidth;
    draw(network);
  });
  network.observer.observe(root);
  network.svg.addEventListener("pointermove", (event) => point(network, event.target, event));
  network.svg.addEventListener("pointerleave", () => point(network, null));
  network.svg.addEventListener("click", (event) => choose(network, event.target));
  root.addEventListener("keydown", (event) => key(network, event));
  root.addEventListener("blur", () => point(network, null));
  for (const button of root.querySelectorAll("[data-saves]")) button.addEventListener("click", () => save(network, button.dataset.saves));
  makeControls(find(".nncore-controls"), (does) => press(network, does));
  network.follow = ({ detail: { run, frame } }) => {
    if (run !== network.playing?.run) return;
    if (network.walking) finish(network);
    take(network, network.playing.figure(frame));
    draw(network);
    root.dataset.frame = frame;
  };
  network.align = ({ detail: { key, axis } }) => {
    if (key !== network.data?.axis || JSON.stringify(axis) === JSON.stringify(network.axis)) return;
    network.axis = axis;
    draw(network);
  };
  network.showExact = () => {
    take(network, network.data.figure);
    draw(network);
  };
  window.addEventListener("nncore-frame", network.follow);
  window.addEventListener("nncore-exact", network.showExact);
  window.addEventListener("nncore-painted", network.align);
  return network;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".nncore-network");
  let network = networks.get(root);
  if (!network) networks.set(root, (network = create(root)));
  root.style.height = `${data.height}px`;
  root.id = data.key;
  root.setAttribute("aria-label", data.alt);
  root.dataset.testid = `network-${data.key}`;
  network.click = data.click ? setTriggerValue : null;
  if (data !== network.data) {
    const before = network.data;
    network.data = data;
    network.width ||= root.clientWidth;
    const { run, frame } = window.nncorePlaying ?? {};
    take(network, run && run === network.playing?.run ? network.playing.figure(frame) : data.figure);
    if (data.frames?.builds && data.frames !== network.taken) takeFrames(network, (network.taken = data.frames));
    draw(network);
    if (data.figure.layout.meta.pulse !== before?.figure.layout.meta.pulse) pulse(network);
  }
  return () => {
    if (root.isConnected) return;
    network.walking = null;
    network.observer.disconnect();
    window.removeEventListener("nncore-frame", network.follow);
    window.removeEventListener("nncore-exact", network.showExact);
    window.removeEventListener("nncore-painted", network.align);
  };
}
