// The 1-2-1 network with a θ on every edge: drag it or type it, and watch the gradient come back, a stage at a time.

const A_STAGE = 1300; // milliseconds
const A_STEP = 4; // pixels of a drag that move θ by one step
const TELL_EVERY = 250; // milliseconds between two values that a drag sends

const networks = new WeakMap(); // root element -> its network

const written = (value) => String(Number(value.toPrecision(4))).replace("-", "−");

function within({ limit, step }, value) {
  const most = Math.min(Math.max(value, -limit), limit);
  return Number((Math.round(most / step) * step).toFixed(6));
}

// θ --------------------------------------------------------------------------------------------------------------

function place(network, k) {
  return network.drawing.querySelector(`[data-theta="${k}"]`);
}

function write(network, k, value) {
  const group = place(network, k);
  group.querySelector("text").textContent = `θ${k} = ${written(value)}`;
  group.setAttribute("aria-valuenow", value);
  network.theta[k] = value;
}

// What is moved here stands until the server has answered the last that it was told: an answer to an earlier one is old.
function tell(network, k, value) {
  network.told = performance.now();
  network.telling = null;
  network.serial += 1;
  network.moved = { k, value };
  network.send("theta", { k, value, serial: network.serial });
}

function move(network, k, value) {
  const next = within(network.data, value);
  if (next === network.theta[k]) return;
  write(network, k, next);
  network.moved = { k, value: next };
  clearTimeout(network.telling);
  const wait = Math.max(TELL_EVERY - (performance.now() - network.told), 0);
  network.telling = setTimeout(() => tell(network, k, next), wait);
}

function grip(network, event) {
  const group = event.target.closest("[data-theta]");
  network.gripped = group && Number(group.dataset.theta);
  if (!group || event.button) return;
  const k = network.gripped;
  network.drag = { k, from: network.theta[k], x: event.clientX };
  network.root.setPointerCapture(event.pointerId);
  group.focus();
  event.preventDefault();
}

function pull(network, event) {
  const { drag, data } = network;
  if (drag) move(network, drag.k, drag.from + Math.round((event.clientX - drag.x) / A_STEP) * data.step);
}

function key(network, event) {
  const group = event.target.closest("[data-theta]");
  if (!group) return;
  const k = Number(group.dataset.theta), { step, limit } = network.data;
  if (event.key === "Enter") type(network, k);
  else {
    const by = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: 10 * step, PageDown: -10 * step };
    if (event.key === "Home") move(network, k, -limit);
    else if (event.key === "End") move(network, k, limit);
    else if (event.key in by) move(network, k, network.theta[k] + by[event.key]);
    else return;
  }
  event.preventDefault();
}

// A field over the label. Enter takes what is typed, Escape leaves θ as it was.
function type(network, k) {
  const group = place(network, k), box = network.root.getBoundingClientRect(), at = group.getBoundingClientRect();
  const field = document.createElement("input");
  Object.assign(field, { value: network.theta[k], inputMode: "decimal", ariaLabel: `θ${k}` });
  field.style.left = `${at.left + at.width / 2 - box.left}px`;
  field.style.top = `${at.top + at.height / 2 - box.top}px`;
  let isOpen = true;
  const close = (taken) => {
    if (!isOpen) return; // removing the field blurs it
    isOpen = false;
    field.remove();
    const value = Number(field.value.trim().replace(",", ".").replace("−", "-"));
    const isGood = field.value.trim() && Math.abs(value) <= network.data.limit;
    if (taken && isGood && value !== network.theta[k]) {
      write(network, k, value);
      tell(network, k, value);
    } else if (taken && !isGood) {
      network.output.textContent = `θ${k} must be a number from −${network.data.limit} to ${network.data.limit}; got “${field.value.slice(0, 20)}”.`;
    }
    place(network, k).focus();
  };
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") close(event.key === "Enter");
  });
  field.addEventListener("blur", () => close(true));
  network.root.append(field);
  field.select();
}

// The way back -----------------------------------------------------------------------------------------------------

function stand(network, stage) {
  network.stage = stage;
  for (const part of network.drawing.querySelectorAll("[data-stage]"))
    part.classList.toggle("shown", Number(part.dataset.stage) <= stage);
  network.output.textContent = network.data.stages[stage - 1] ?? network.data.said;
  network.root.dataset.stage = stage;
}

function back(network) {
  const last = network.data.stages.length;
  hold(network);
  if (isStill()) return stand(network, last);
  const step = () => {
    stand(network, network.stage + 1);
    if (network.stage < last) network.walking = setTimeout(step, A_STAGE);
    else hold(network);
  };
  stand(network, 0);
  network.walking = setTimeout(step, A_STAGE / 2);
  showMoving(network.root, true);
}

function hold(network) {
  clearTimeout(network.walking);
  network.walking = null;
  showMoving(network.root, false, "Way back");
}

function press(network, does) {
  const last = network.data.stages.length, here = network.stage;
  if (does === "play" && !network.walking) return back(network);
  hold(network);
  if (does === "play") return;
  const next = { first: 0, back: here - 1, forward: here < last ? here + 1 : 0, last }[does];
  stand(network, Math.max(next, 0));
}

// Life -------------------------------------------------------------------------------------------------------------

function draw(network) {
  const { data } = network, focused = network.root.getRootNode().activeElement?.closest("[data-theta]");
  const hadFocus = focused?.dataset.theta;
  network.drawing.innerHTML = data.svg;
  network.theta = [...data.theta];
  for (const group of network.drawing.querySelectorAll("[data-theta]")) {
    const k = Number(group.dataset.theta);
    const facts = { tabindex: 0, role: "spinbutton", "aria-label": `θ${k}`, "aria-valuemin": -data.limit, "aria-valuemax": data.limit,
      "aria-valuenow": data.theta[k] };
    for (const [name, value] of Object.entries(facts)) group.setAttribute(name, value);
  }
  const isAnswered = data.serial >= network.serial && !network.telling && !network.drag;
  if (network.moved && !isAnswered) write(network, network.moved.k, network.moved.value);
  if (hadFocus) place(network, hadFocus).focus({ preventScroll: true });
  network.root.querySelector(".nncore-controls").hidden = !data.stages.length;
}

function create(root) {
  const network = { root, drawing: root.querySelector(".nncore-theta-drawing"), output: root.querySelector("output"), theta: [], stage: 0, told: 0 };
  root.addEventListener("pointerdown", (event) => grip(network, event));
  root.addEventListener("pointermove", (event) => pull(network, event));
  for (const end of ["pointerup", "pointercancel"]) root.addEventListener(end, () => (network.drag = null));
  // While the pointer is captured the root is the target of every click.
  root.addEventListener("dblclick", () => network.gripped !== null && type(network, network.gripped));
  root.addEventListener("keydown", (event) => key(network, event));
  makeControls(root.querySelector(".nncore-controls"), (does) => press(network, does));
  hold(network);
  return network;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".nncore-theta");
  let network = networks.get(root);
  const isNew = !network;
  if (isNew) networks.set(root, (network = create(root)));
  network.send = setTriggerValue;
  if (data === network.data) return;
  network.data = data;
  if (isNew) network.serial = data.serial;
  root.setAttribute("aria-label", data.alt);
  draw(network);
  if (isNew && data.stages.length) back(network);
  else stand(network, Math.min(network.stage, data.stages.length));
}
