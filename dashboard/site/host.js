// Mounts the app's components where there is no server: the address holds the state, scripts hold the runs.

const dark = matchMedia("(prefers-color-scheme: dark)");
const find = (selector) => document.querySelector(selector);
const host = { catalogue: null, id: "", run: null, frame: 0, playing: null, plays: 0, before: [], address: null, readers: new Map(), choices: {} };

// Content ----------------------------------------------------------------------------------------------------------

const contents = new Map(); // name -> promise of what its script holds
const waiting = new Map(); // name -> what to call with it

function load(name) {
  if (!contents.has(name)) {
    const arrives = (resolve, reject) => {
      const script = document.createElement("script");
      script.src = `${name}.js`;
      waiting.set(name, resolve);
      script.onerror = () => {
        contents.delete(name);
        script.remove();
        reject(new Error(`the file ${name}.js is not beside this page`));
      };
      document.head.append(script);
    };
    contents.set(name, new Promise(arrives));
  }
  return contents.get(name);
}

async function read(packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const all = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(all.buffer).getUint32(0, true), block = all.subarray(4 + size), made = new Map();
  return resolved(JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + size))), block, made);
}

// References into the block become arrays, a row a frame; `made` keeps what several figures share.
function resolved(value, block, made) {
  if (!value || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((each) => resolved(each, block, made));
  if (value.dtype && "at" in value) {
    if (!made.has(value.at)) made.set(value.at, rows(value, block));
    return made.get(value.at);
  }
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, resolved(each, block, made)]));
}

// Undoes `differences` of packing.py.
function rows({ dtype, shape: [frames, ...shape], at }, block) {
  const type = TYPES[dtype], size = type.BYTES_PER_ELEMENT, count = shape.reduce((a, b) => a * b, 1);
  const octets = new Uint8Array(frames * count * size);
  for (let octet = 0; octet < size; octet++) {
    for (let value = 0; value < frames * count; value++) {
      const place = value * size + octet, before = value < count ? 0 : octets[place - count * size];
      octets[place] = block[at + octet * frames * count + value] ^ before;
    }
  }
  const all = new type(octets.buffer);
  return Array.from({ length: frames }, (_, row) => shaped(all.subarray(row * count, (row + 1) * count), shape));
}

// The page's own elements -------------------------------------------------------------------------------------------

function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== undefined) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const address = (view, values) => `#${view}?${new URLSearchParams(values)}`;
const enter = (to) => (location.hash = to); // an entry of the browser's history
const stay = (to) => history.replaceState(null, "", to);
const theme = () => (dark.matches ? "dark" : "light");

const about = (...parts) => find(".about").replaceChildren(...parts.filter((part) => part !== null));

function mount(name, place, data, tell = () => {}) {
  if (!place.firstElementChild) place.append(find(`template#${name}`).content.cloneNode(true));
  nncoreComponents[name]({ data, parentElement: place, setTriggerValue: tell });
}

function say(sentence) {
  find(".message").hidden = !sentence;
  find(".message").textContent = sentence;
}

// A run ------------------------------------------------------------------------------------------------------------

// The frame of the record nearest to a step.
function nearest(run, step) {
  const distances = run.steps.map((each) => Math.abs(each - step));
  return distances.indexOf(Math.min(...distances));
}

async function reader(chart) {
  const key = `${host.id} ${chart} ${theme()}`;
  if (!host.readers.has(key)) host.readers.set(key, await readFrames({ run: "", ...host.run.charts[chart][theme()] }));
  return host.readers.get(key);
}

// Shows a run on a step, or where it opens. `address` is the view and what it says besides the step.
async function showRun(id, step, charts, address) {
  const mine = (host.showing = {});
  const run = await load(id);
  if (mine !== host.showing) return;
  if (host.id !== id) {
    host.before = host.run ? await shownNorms() : [];
    Object.assign(host, { id, run, playing: null });
  }
  const shown = Object.keys(host.catalogue.charts).filter((chart) => !charts.length || charts.includes(chart));
  Object.assign(host, { address, frame: step === null ? run.opens : nearest(run, step) });
  find("section.run").hidden = false;
  arrange(shown);
  await draw();
}

const shownNorms = async () => Array.from((await reader("network")).figure(host.frame).data[1].norms);

function arrange(shown) {
  const place = find(".charts");
  if (host.shown?.join() === shown.join()) return;
  host.shown = shown;
  place.replaceChildren(...shown.map((chart) => {
    const { title, subtitle, note } = host.catalogue.charts[chart];
    return made("div", { class: "card" }, made("h3", {}, `${title} `, made("span", {}, subtitle)),
      made("div", { "data-place": chart }), made("p", {}, note));
  }));
}

const framesOf = (chart) => {
  const { playing, run } = host;
  if (!playing) return null;
  playing.frames[chart] ??= { run: playing.run, ...withGhost(chart, run.charts[chart][theme()]) };
  return playing.frames[chart];
};

// The run before stays beneath the network, also while it plays.
function withGhost(chart, frames) {
  if (chart !== "network") return frames;
  const builds = frames.builds.map(({ figure, changes }) => {
    const [edges, rings] = figure.data;
    return { figure: { ...figure, data: [edges, { ...rings, ghost: host.before }] }, changes };
  });
  return { ...frames, builds };
}

async function draw() {
  const { run, frame, playing, catalogue } = host, mine = (host.drawing = {});
  const last = run.steps.length - 1, steps = run.steps;
  const said = { run: playing?.run ?? "", at: steps.map((_, place) => place), start: frame };
  mount("following", find('[data-place="words"]'), { ...said, frames: run.words, kind: "words" });
  mount("following", find('[data-place="numbers"]'), { ...said, frames: run.numbers, kind: "numbers" });
  const records = steps.map((_, place) => place);
  mount("player", find('[data-place="player"]'), {
    record: frame, last, step: steps[frame], lastStep: steps[last], said: run.said,
    playing: playing && { run: playing.run, start: playing.start, records, steps, facts: run.facts },
  }, tell);
  const slider = find(".st-key-step_box input");
  Object.assign(slider, { max: last, value: frame });
  slider.setAttribute("aria-valuetext", `step ${steps[frame]}`);
  find(".st-key-step_box output").textContent = `${steps[frame]} of ${steps[last]}`;
  for (const chart of host.shown) {
    const isNetwork = chart === "network", { title, height } = catalogue.charts[chart];
    const figure = fresh((await reader(chart)).figure(frame));
    if (mine !== host.drawing) return;
    if (isNetwork) figure.data[1].ghost = host.before;
    if (isNetwork) figure.layout.meta.pulse = host.id;
    const data = {
      figure, key: `chart_${chart}`, alt: `${title}. ${run.facts[frame]}`, height, click: false, frames: framesOf(chart),
      axis: "chart_flow", library: "plotly.min.js",
    };
    mount(isNetwork ? "network" : "plot", find(`[data-place="${chart}"]`), data);
    if (isNetwork && !host.isPainted) await painted(); // Plotly is large: the first picture does not wait for it
  }
}

async function painted() {
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
  host.isPainted = true;
}

// What the player says, to which the app's server would answer.
function tell(event, value) {
  if (event === "play") {
    const isAtEnd = host.frame === host.run.steps.length - 1;
    host.playing = { run: `playing ${++host.plays}`, start: isAtEnd ? 0 : host.frame, frames: {} };
    draw();
  } else if (event === "go") {
    host.playing = null;
    stand(value);
  } else if (event === "stop" && host.playing) {
    host.playing = null;
    stand(nearest(host.run, value));
  }
}

function stand(frame) {
  host.frame = frame;
  const [view, values] = host.address;
  stay(address(view, { ...values, step: host.run.steps[frame] }));
  draw();
}

// The views -----------------------------------------------------------------------------------------------------------

const stepOf = (asked) => (/^\d{1,9}$/.test(asked.get("step") ?? "") ? Number(asked.get("step")) : null);

async function explore(asked) {
  const { controls } = host.catalogue, values = {}, refused = [];
  for (const { key, label, values: offered, first } of controls) {
    const wanted = asked.get(key);
    values[key] = offered.includes(wanted) ? wanted : first;
    if (wanted !== null && wanted !== values[key])
      refused.push(`The address sets ${label} to “${wanted.slice(0, 40)}”, which is not on this page: ${values[key]} is taken instead.`);
  }
  say(refused.join(" "));
  const change = (key) => (event) => {
    const step = host.run ? { step: host.run.steps[host.frame] } : {};
    enter(address("explore", { ...values, [key]: event.target.value, ...step }));
  };
  const choice = ({ key, label, values: offered }) =>
    made("label", {}, label, made("select", { name: key, onchange: change(key) },
      ...offered.map((value) => made("option", { value, selected: value === values[key] }, value))));
  const focused = document.activeElement?.name;
  about(made("div", { class: "controls" }, ...controls.map(choice)), made("p", { class: "quiet" }, host.catalogue.fixed));
  find(`.about [name="${focused}"]`)?.focus();
  await showRun(`runs/${controls.map(({ key }) => values[key]).join("-")}`, stepOf(asked), [], ["explore", values]);
}

function pictured(pictures) {
  const picture = made("div", { class: "picture" });
  picture.innerHTML = pictures[theme()];
  return picture;
}

function experiments(_, { topics, members }) {
  about(made("h1", {}, "Experiments"),
    made("p", {}, "Pairs of networks, each with a claim that was checked by training both. In each picture the coloured line is the " +
      "first one, the grey line its counterpart."));
  const card = (name) => {
    const { title, claim, lookFor, labels, pictures } = members[name];
    const link = (label, run) => made("a", { href: address("experiment", { name, run }) }, label);
    return made("div", { class: "card" }, made("h3", {}, title), pictured(pictures), made("p", {}, claim),
      made("p", { class: "quiet" }, made("strong", {}, "Look for: "), lookFor),
      made("div", { class: "links" }, link(`Open: ${labels[0]}`, "own"), link(`Counterpart: ${labels[1]}`, "other")));
  };
  find(".list").replaceChildren(...topics.flatMap(({ title, members: names }) =>
    [made("h2", {}, title), made("div", { class: "gallery" }, ...names.map(card))]));
  find(".list").hidden = false;
}

async function experiment(asked, gallery) {
  const { members } = gallery, name = asked.get("name");
  if (!Object.hasOwn(members, name)) {
    experiments(asked, gallery);
    return say(`There is no experiment “${String(name).slice(0, 40)}” on this page.`);
  }
  const { title, claim, lookFor, labels, pictures } = members[name], run = asked.get("run") === "other" ? "other" : "own";
  const choice = (label, each) => made("a", { href: address("experiment", { name, run: each }), "aria-current": each === run && "true" }, label);
  const words = made("div", {}, made("h1", {}, title), made("p", {}, claim),
    made("p", { class: "quiet" }, made("strong", {}, "Look for: "), lookFor),
    made("div", { class: "links" }, choice(labels[0], "own"), choice(labels[1], "other")));
  about(made("div", { class: "beside" }, words, pictured(pictures)));
  await showRun(`runs/${name}-${run}`, stepOf(asked), [], ["experiment", { name, run }]);
}

async function lessons(asked, found) {
  if (found.length === 1) return lesson(asked, found);
  const link = ({ title }, place) => made("li", {}, made("a", { href: address("lesson", { number: place + 1 }) }, title));
  about(made("h1", {}, "Lessons"), made("ul", {}, ...found.map(link)));
}

// One stage of a lesson: a part's run, or before it the question what will be seen there.
async function lesson(asked, found) {
  const number = whole(asked, "number", 1, found.length);
  const { title, note, charts, stages, parts } = found[number - 1], stage = whole(asked, "stage", 0, stages.length - 1);
  const [at, isShown] = stages[stage], part = parts[at];
  const shownPart = parts[stages.slice(0, stage + 1).filter(([, isShown]) => isShown).at(-1)?.[0] ?? 0];
  const go = (to) => () => enter(address("lesson", { number, stage: to }));
  const button = (label, to, kind) => made("button", { type: "button", class: kind, disabled: !(to in stages), onclick: go(to) }, label);
  const several = stages.length > 1;
  about(made("h1", {}, title), made("p", { class: "note" }, note),
    several ? made("div", { class: "card" }, made("small", {}, `${at + 1} of ${parts.length}`),
      ...(part.question ? question(`${number} ${at}`, part, isShown) : []), isShown ? made("p", {}, part.text) : null,
      made("div", { class: "stage" }, button("Back", stage - 1, "plain"), button(isShown ? "Next" : "Show the answer", stage + 1, "plain first"))) : null);
  await showRun(`runs/${shownPart.run}`, stepOf(asked), charts, ["lesson", { number, stage }]);
}

function whole(asked, name, least, most) {
  const text = asked.get(name) ?? "";
  return /^\d{1,4}$/.test(text) ? Math.min(Math.max(Number(text), least), most) : least;
}

function question(key, { question: text, choices, right }, isShown) {
  const asked = made("p", {}, made("strong", {}, "Predict first: "), text);
  if (!choices.length) return [asked];
  const chosen = host.choices[key];
  if (isShown) {
    const verdict = chosen === undefined ? "Right" : chosen === right ? "As you predicted" : "No. Right";
    return [asked, made("p", {}, `${verdict}: `, made("strong", {}, choices[right]))];
  }
  const answer = (choice, index) => made("label", {}, made("input", {
    type: "radio", name: "answer", checked: chosen === index, onchange: () => (host.choices[key] = index),
  }), ` ${choice}`);
  return [asked, made("fieldset", { class: "answers", "aria-label": text }, ...choices.map(answer))];
}

const VIEWS = { explore, experiments, experiment, lessons, lesson };
const CONTENTS = { experiments: "experiments", experiment: "experiments", lessons: "lessons", lesson: "lessons" };

async function route() {
  const mine = (host.routing = {}), { views } = host.catalogue;
  const [named, query] = location.hash.slice(1).split("?"), isThere = views.some(([name]) => name === (CONTENTS[named] ?? named));
  const view = isThere ? named : views[0][0];
  try {
    const content = CONTENTS[view] && (await load(CONTENTS[view]));
    if (mine !== host.routing) return;
    find("nav").replaceChildren(...views.map(([name, title]) =>
      made("a", { href: `#${name}`, "aria-current": name === (CONTENTS[view] ?? view) && "page" }, title)));
    for (const part of ["section.run", ".list"]) find(part).hidden = true;
    say("");
    await VIEWS[view](new URLSearchParams(query), content);
    document.title = `${find("h1")?.textContent ?? "Explore"} · Gradient lab`;
  } catch (problem) {
    console.error(problem);
    say(`This could not be shown: ${problem.message}.`);
  }
}

function open(catalogue) {
  host.catalogue = catalogue;
  find("footer").textContent = catalogue.about;
  const slider = find(".st-key-step_box input");
  slider.addEventListener("input", () => stand(Number(slider.value)));
  dark.addEventListener("change", route);
  window.addEventListener("hashchange", route);
  route();
}

return { open, take: (name, packed) => waiting.get(name)?.(read(packed)) };
