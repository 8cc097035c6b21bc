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
  const figure = (frame) => {
    const [build, row] = at[Math.min(frame, at.length - 1)];
    const made = fresh(ready[build].figure);
    for (const { path, values } of ready[build].changes) {
      const owner = path.slice(0, -1).reduce((part, key) => part[key], made);
      owner[path.at(-1)] = fresh(values[row]);
    }
    return made;
  };
  // What a frame changes in the figure of another, [{path, from, to}, ...]; null where it is a figure of another build.
  const changes = (before, frame) => {
    const [[old, from], [build, to]] = [before, frame].map((each) => at[Math.min(each, at.length - 1)]);
    if (old !== build) return null;
    return ready[build].changes
      .map(({ path, values }) => ({ path, from: values[from], to: values[to] }))
      .filter((change) => !isSame(change.from, change.to));
  };
  return { run, figure, changes };
}

function isSame(one, other) {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one)) return one.length === other.length && one.every((part, index) => isSame(part, other[index]));
  return ArrayBuffer.isView(one) && one.length === other.length && one.every((number, index) => Object.is(number, other[index]));
}
