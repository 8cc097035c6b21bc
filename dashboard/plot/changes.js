// What differs between two figures is drawn by those parts of plotly.js that draw just that; axes, legend, colour bars and
// notes stay as they are. What would move one of them takes the whole figure.

const DRAWN = [
  { // the numbers of a trace
    covers: ([root, , key, ...rest]) => root === "data" && ["x", "y", "z", "customdata"].includes(key) && !rest.length,
    place: ([, trace]) => trace,
    leavesTheRest: (graph, trace, { path: [, , key], from, to }) => {
      const { _module: part, zauto, coloraxis } = graph._fullData[trace], axis = subplotOf(graph, trace)?.[`${key}axis`];
      if (!part.calc || !part.plot || !part.style || !isAsLong(from, to)) return false;
      return key === "customdata" || (key === "z" ? zauto === false && !coloraxis : Boolean(axis) && !axis.autorange);
    },
    draw: drawTraces,
  },
  { // the name of a trace, which stands in the legend: one of another length takes another room
    covers: ([root, , key]) => root === "data" && key === "name",
    place: ([, trace]) => trace,
    leavesTheRest: (graph, trace, { from, to }) => from.length === to.length && !/[<&]/.test(from + to),
    draw: (graph, traces) => traces.forEach((trace) => writeName(graph, trace)),
  },
  { // where an upright line stands
    covers: ([root, part, , key]) => root === "layout" && part === "shapes" && ["x0", "x1"].includes(key),
    place: ([, , shape]) => shape,
    leavesTheRest: (graph, shape, { from, to }) => {
      const { type, xref, line } = graph._fullLayout.shapes[shape], axis = axisOf(graph, xref);
      if (type !== "line" || !axis) return false;
      const isInside = (x) => axis.d2p(x) > line.width && axis.d2p(x) < axis._length - line.width;
      return !axis.autorange || (isInside(from) && isInside(to)); // at an end it would widen the axis
    },
    draw: (graph, shapes) => shapes.forEach((shape) => placeLine(graph, shape)),
  },
  { // what the figure says beside its drawing
    covers: ([root, part]) => root === "layout" && part === "meta",
    place: () => 0,
    leavesTheRest: () => true,
    draw: () => {},
  },
];

const axisOf = (graph, reference) => graph._fullLayout[reference.replace(/^([xy])/, "$1axis")];

const subplotOf = (graph, trace) => {
  const { xaxis, yaxis } = graph._fullData[trace];
  return graph._fullLayout._plots?.[xaxis + yaxis];
};

const isAsLong = (one, other) =>
  one?.length === other?.length && !(Array.isArray(one) && one.some((row, index) => !isAsLong(row, other[index])));

// Draws the changes [{path, from, to}, ...], or does nothing and says that they take the whole figure.
function drawChanges(graph, changes) {
  const found = changes.map((change) => ({ ...change, drawn: DRAWN.find(({ covers }) => covers(change.path)) }));
  if (!found.every((change) => change.drawn?.leavesTheRest(graph, change.drawn.place(change.path), change))) return false;
  for (const { path: [root, ...path], to } of found)
    for (const figure of [graph[root], graph[root === "data" ? "_fullData" : "_fullLayout"]]) {
      const owner = path.slice(0, -1).reduce((part, key) => part[key], figure);
      owner[path.at(-1)] = to;
    }
  for (const drawn of DRAWN) {
    const places = found.filter((change) => change.drawn === drawn).map(({ path }) => drawn.place(path));
    if (places.length) drawn.draw(graph, [...new Set(places)]);
  }
  return true;
}

// As plotly.js does it in a whole drawing: numbers to what is calculated from them, and that to the layers of its subplot.
function drawTraces(graph, traces) {
  const seen = traces.filter((trace) => graph._fullData[trace].visible === true), parts = new Map();
  for (const index of seen) {
    const trace = graph._fullData[index], { _module: part } = trace, calculated = part.calc(graph, trace);
    calculated[0].t ??= {};
    calculated[0].trace = trace;
    graph.calcdata[index] = calculated;
    const subplot = trace.xaxis + trace.yaxis;
    parts.set(`${subplot} ${part.name}`, [subplot, part]);
  }
  for (const [name, part] of parts.values()) part.crossTraceCalc?.(graph, graph._fullLayout._plots[name], name);
  // Traces of another zorder have a subplot of their own upon the same axes.
  for (const subplot of Object.values(graph._fullLayout._plots)) {
    const layers = subplot.plot.selectAll("g.mlayer"); // `select` would hand them the data of what is around them
    layers.each((layer) => {
      if (!layer.cdModule.some(([{ trace }]) => seen.includes(trace.index))) return;
      layer.cdModule = layer.cdModule.map(([{ trace }]) => graph.calcdata[trace.index]);
      layer.plotMethod(graph, subplot, layer.cdModule, layers.filter((each) => each === layer));
    });
  }
  for (const part of new Set([...parts.values()].map(([, each]) => each))) part.style(graph);
}

function writeName(graph, trace) {
  for (const entry of graph.querySelectorAll(".legend .traces")) {
    const text = entry.querySelector(".legendtext");
    if (entry.__data__?.[0].trace.index !== trace || !text) continue;
    text.textContent = graph._fullData[trace].name;
    text.dataset.unformatted = text.textContent;
  }
}

function placeLine(graph, shape) {
  const { xref, x0, x1 } = graph._fullLayout.shapes[shape], axis = axisOf(graph, xref);
  const [start, end] = [x0, x1].map((x) => axis._offset + axis.d2p(x));
  for (const path of graph.querySelectorAll(`.shapelayer path[data-index="${shape}"]`))
    path.setAttribute("d", path.getAttribute("d").replace(/^M[^,]+,([^L]+)L[^,]+,(.+)$/, `M${start},$1L${end},$2`));
}

// What turns one figure into another: [{path, from, to}, ...].
function differences(from, to, path = []) {
  if (Object.is(from, to)) return [];
  if (isParts(from) && isParts(to) && from.length === to.length)
    return from.flatMap((part, index) => differences(part, to[index], [...path, index]));
  if (isPart(from) && isPart(to))
    return [...new Set([...Object.keys(from), ...Object.keys(to)])].flatMap((key) => differences(from[key], to[key], [...path, key]));
  if (from?.bdata && from.bdata === to?.bdata && from.dtype === to.dtype) return [];
  const [one, other] = [from, to].map(decoded);
  return isSame(one, other) ? [] : [{ path, from: one, to: other }];
}

const isPart = (value) =>
  Boolean(value) && typeof value === "object" && !Array.isArray(value) && !ArrayBuffer.isView(value) && !("bdata" in value);
const isParts = (value) => Array.isArray(value) && value.every(isPart);

// An array of numbers as plotly.js takes it from JSON, as the numbers themselves; everything else as it is.
function decoded(value) {
  if (!value?.bdata) return value;
  const bytes = Uint8Array.from(atob(value.bdata), (letter) => letter.charCodeAt(0));
  return shaped(new TYPES[value.dtype](bytes.buffer), value.shape?.split(",").map(Number) ?? []);
}

function isSame(one, other) {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length && one.every((part, index) => isSame(part, other[index]));
  return ArrayBuffer.isView(one) && ArrayBuffer.isView(other) && one.length === other.length && one.every((number, index) => Object.is(number, other[index]));
}
