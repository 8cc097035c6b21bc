// The player: names a frame to the charts, waits until those in sight are drawn, and names the next.

const FRAMES_A_SECOND = 5;
const MOST_LEFT_OUT = 3; // frames between two that are shown
const SETTLE = 600; // milliseconds without a move of the track until the page shows that step exactly
const REST = 400; // milliseconds that the page stands still until the server is asked for frames that are not played
const HANDED_OVER = 50; // milliseconds in which Streamlit collects what it hands over, and more

const players = new WeakMap(); // root element -> its player

const nextPicture = () => new Promise(requestAnimationFrame); // of the browser; it paints none of a page that is out of sight

// All charts that follow the run draw this frame; resolves when those in sight have.
async function show(player, frame) {
  const { run, steps, facts } = player.playing;
  player.frame = frame;
  player.track.value = frame;
  player.track.setAttribute("aria-valuetext", `step ${steps[frame]}`);
  player.output.textContent = `${steps[frame]} of ${player.data.lastStep}`;
  player.said.textContent = facts[frame];
  await name(run, frame);
}

function name(run, frame) {
  window.nncorePlaying = { run, frame };
  const painted = [];
  const detail = { run, frame, wait: (promise) => painted.push(promise) };
  window.dispatchEvent(new CustomEvent("nncore-frame", { detail }));
  return Promise.all(painted);
}

// The frame follows from the time that has passed: a browser too slow for the speed leaves frames out, a few at a time.
async function play(player) {
  const playing = player.playing, last = playing.steps.length - 1;
  const mine = (player.clock = {});
  const isMine = () => player.clock === mine && player.playing === playing;
  draw(player);
  await show(player, player.frame);
  let place = player.frame, then = performance.now();
  while (isMine() && player.frame < last) {
    await nextPicture();
    const now = performance.now(), rate = (FRAMES_A_SECOND * Number(player.speed.value)) / (isStill() ? 4 : 1);
    place = Math.min(place + Math.min(((now - then) / 1000) * rate, MOST_LEFT_OUT + 1), last);
    then = now;
    if (isMine() && Math.floor(place) > player.frame) await show(player, Math.floor(place));
  }
  if (isMine()) settle(player);
}

function hold(player) {
  player.clock = null;
  draw(player);
}

// The playing ends: the server is told the step, and answers with its exact record.
function settle(player) {
  const { steps } = player.playing;
  const hadFocus = document.activeElement === player.track;
  const step = steps[player.frame];
  stop(player);
  if (hadFocus) document.querySelector(".st-key-step_box input[type=range]")?.focus();
  player.tell("stop", step);
}

function stop(player) {
  clearTimeout(player.settling);
  player.isAhead = false;
  window.removeEventListener("nncore-ready", player.begin);
  player.playing = player.clock = null;
  window.nncorePlaying = null;
  draw(player);
}

function draw(player) {
  const { playing, clock, data } = player;
  document.body.classList.toggle("nncore-playing", Boolean(playing));
  player.trackLabel.hidden = !playing;
  if (playing) player.track.max = playing.steps.length - 1;
  showMoving(player.root, clock || player.isWaiting);
  const record = player.target ?? data.record;
  for (const button of player.buttons) {
    if (button.dataset.does === "play") continue;
    const isBackward = ["first", "back"].includes(button.dataset.does);
    // aria-disabled keeps the keyboard's focus where it is when an end is reached
    button.setAttribute("aria-disabled", !playing && (isBackward ? record <= 0 : record >= data.last));
  }
}

function press(player, does) {
  const { data, playing } = player;
  if (does === "play") {
    if (player.clock) return settle(player);
    if (player.isWaiting) return leave(player, data.step);
    if (playing) {
      clearTimeout(player.settling);
      if (player.frame === playing.steps.length - 1) player.frame = 0;
      return void play(player);
    }
    player.isWaiting = true;
    player.said.textContent = "Measuring the frames …";
    draw(player);
    return player.tell("play", data.record);
  }
  // Quick presses add up, also while the server has not yet answered the first.
  const here = player.target ?? (playing ? playing.records[player.frame] : data.record);
  const target = { first: 0, back: here - 1, forward: here + 1, last: data.last }[does];
  if (target < 0 || target > data.last) return;
  player.target = target;
  if (playing) stop(player);
  player.isWaiting = false;
  draw(player);
  player.tell("go", target);
}

// Pause was pressed before the first frame was there.
function leave(player, step) {
  player.isWaiting = false;
  stop(player);
  player.said.textContent = player.data.said;
  player.tell("stop", step);
}

function scrub(player) {
  hold(player);
  clearTimeout(player.settling);
  show(player, Number(player.track.value));
}

// The step slider's thumb: where the browser has the frames, the charts follow it at once. The server is told as ever; its
// records are drawn when it has answered where the thumb stands, and no answer to an older step is drawn before.

const stepBox = (player) => player.root.closest(".st-key-timeline")?.querySelector(".st-key-step_box");
const thumb = (player) => thumbOf(stepBox(player));
const isAnswering = () => document.querySelector("[data-testid=stApp]")?.dataset.testScriptState !== "notRunning";

const nearest = (steps, step) =>
  steps.reduce((best, each, frame) => (Math.abs(each - step) < Math.abs(steps[best] - step) ? frame : best), 0);

function move(player) {
  ask(player);
  const { playing, isWaiting, isAhead, data: { ahead } } = player, step = thumb(player);
  if (!ahead?.run || playing || isWaiting || (step === ahead.thumb && !isAhead)) return;
  const frame = nearest(ahead.steps, step);
  if (!isAhead || frame !== window.nncorePlaying?.frame) name(ahead.run, frame);
  player.isAhead = true;
  if (!isAhead) wait(player);
}

const isToCome = (player) => {
  const { ahead } = player.data;
  return ahead?.run && (thumb(player) !== ahead.thumb || isAnswering());
};

// Streamlit says that its run has ended before it hands over what came last: the charts are drawn when they have got it.
function wait(player) {
  if (!player.isAhead || player.playing) return;
  if (isToCome(player)) return void requestAnimationFrame(() => wait(player));
  setTimeout(() => whenAtRest(() => (isToCome(player) ? wait(player) : showExact(player))), HANDED_OVER);
}

function showExact(player) {
  if (!player.isAhead || player.playing) return;
  player.isAhead = false;
  window.nncorePlaying = null;
  window.dispatchEvent(new CustomEvent("nncore-exact"));
}

// The frames are asked for when somebody points at the slider, or has it under the keyboard, and the page stands still.
function ask(player) {
  clearTimeout(player.asking);
  player.asking = setTimeout(() => {
    const { playing, isWaiting, data: { ahead, record } } = player;
    if (!ahead || ahead.run || playing || isWaiting || !stepBox(player)?.matches(":hover, :focus-within")) return;
    const isMeasuring = document.querySelector(".nncore-look-again"); // in the background: charts are still to change
    if (isAnswering() || isMeasuring || thumb(player) !== ahead.thumb) return ask(player);
    player.tell("load", record);
  }, REST);
}

function watchThumb(player) {
  const timeline = player.root.closest(".st-key-timeline");
  const isSlider = ({ target }) => target.closest(".st-key-step_box");
  player.watch = watchThumbs(timeline, ".st-key-step_box", () => move(player));
  for (const event of ["pointerover", "focusin"]) timeline.addEventListener(event, (each) => isSlider(each) && ask(player));
}

function create(root) {
  const find = (selector) => root.querySelector(selector);
  const player = {
    root, track: find("input"), trackLabel: find("label"), output: find("output"), speed: find("select"),
    said: find(".nncore-player-said"), buttons: [...root.querySelectorAll("button")],
    frame: 0, playing: null, clock: null, isWaiting: false,
  };
  makeControls(find(".nncore-controls"), (does) => press(player, does));
  player.track.addEventListener("input", () => scrub(player));
  player.track.addEventListener("change", () => {
    clearTimeout(player.settling);
    player.settling = setTimeout(() => player.playing && !player.clock && settle(player), SETTLE);
  });
  // The first chart that has its frames starts the clock; the others join as theirs arrive.
  player.begin = ({ detail }) => {
    if (detail.run !== player.playing?.run || !player.isWaiting) return;
    player.isWaiting = false;
    play(player);
  };
  return player;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".nncore-player");
  let player = players.get(root);
  if (!player) players.set(root, (player = create(root)));
  player.tell = setTriggerValue;
  if (data !== player.data) {
    player.data = data;
    player.target = undefined;
    root.dataset.ahead = data.ahead?.run ?? ""; // the playing whose frames follow the thumb
    if (data.ahead && !player.watch) watchThumb(player);
    ask(player);
    const { playing } = data;
    if (playing && playing.run === player.playing?.run) {
      player.playing.facts = playing.facts; // the page was drawn anew while playing: it goes on
    } else if (playing && playing.run !== player.ended) {
      Object.assign(player, { playing, frame: playing.start, ended: playing.run, isWaiting: true });
      window.addEventListener("nncore-ready", player.begin);
    } else if (player.playing) {
      settle(player); // the page has other settings now: what was playing stops where it stood
    } else {
      player.isWaiting = false;
      player.said.textContent = data.said;
    }
    draw(player);
  }
  return () => {
    if (root.isConnected) return;
    clearTimeout(player.asking);
    player.watch?.disconnect();
    stop(player);
  };
}
