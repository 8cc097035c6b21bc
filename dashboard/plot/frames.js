// Frames of a playing: every frame's figure, made again from builds that stay and packed arrays of what changes.

const TYPES = {
  u1: Uint8Array, i1: Int8Array, u2: Uint16Array, i2: Int16Array, u4: Uint32Array, i4: Int32Array,
  f4: Float32Array, f8: Float64Array,
};

async function unpack(values) {
  if (Array.isArray(values)) return values;
  const { dtype, shape: [rows, ...shape], zlib } = values;
  const bytes = Uint8Array.from(atob(zlib), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new TYPES[dtype](await new Response(stream).arrayBuffer());
  const size = all.length / rows;
  return Array.from({ length: rows }, (_, row) => shaped(all.subarray(row * size, (row + 1) * size), shape));
}

function shaped(flat, [rows, ...rest]) {
  if (!rest.length) return flat;
  const size = flat.length / rows;
  return Array.from({ length: rows }, (_, row) => shaped(flat.subarray(row * size, (row + 1) * size), rest));
}

// plotly.js writes into what it is given (a hidden trace, the ends of an axis): each frame gets objects of its own.
function fresh(value) {
  if (Array.isArray(value)) return value.map(fresh);
  if (!value || typeof value !== "object" || ArrayBuffer.isView(value) || "bdata" in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, fresh(part)]));
}

async function readFrames({ run, at, builds }) {
  const read = async ({ figure, changes }) => {
    const values = await Promise.all(changes.map((change) => unpack(change.values)));
    return { figure, changes: changes.map(({ path }, index) => ({ path, values: values[index] })) };
  };
  const ready = await Promise.all(builds.map(read));
  // What the figures of a playing have in common they share: whoever writes into one takes it `fresh`.
  const figure = (frame) => {
    const [build, row] = at[Math.min(frame, at.length - 1)];
    return ready[build].changes.reduce((made, { path, values }) => withPart(made, path, values[row]), ready[build].figure);
  };
  return { run, figure, hold: (exact) => onAxes(ready[0].figure, exact) };
}

function withPart(part, [key, ...path], value) {
  const copy = Array.isArray(part) ? [...part] : { ...part };
  copy[key] = path.length ? withPart(part[key], path, value) : value;
  return copy;
}

// A figure on the axes of the frames, which hold still while it is played, where they hold what it shows.
function onAxes(held, figure) {
  const layout = { ...figure.layout };
  for (const [name, { range, dtick }] of Object.entries(held.layout).filter(([key]) => /^[xy]axis\d*$/.test(key))) {
    const own = layout[name];
    if (!range || !own?.range) continue;
    const [low, high] = range, [lowest, highest] = own.range;
    const isWithin = low <= lowest && lowest <= highest && highest <= high;
    if (isWithin) layout[name] = { ...own, range, ...(dtick ? { dtick } : {}) };
  }
  return { ...figure, layout };
}
