// What is said of one record, as the player moves on: a badge and a sentence, or numbers with their names.

const followers = new WeakMap(); // root element -> its follower

function made(name, kind, text) {
  const element = document.createElement(name);
  element.className = kind;
  element.textContent = text;
  return element;
}

const DRAW = {
  words: ({ colour, title, text }) => {
    const badge = made("span", "nncore-following-badge", title);
    badge.style.color = `var(--st-${colour}-text-color)`;
    badge.style.background = `var(--st-${colour}-background-color)`;
    return [badge, document.createTextNode(` ${text}`)];
  },
  numbers: (tiles) =>
    tiles.map(({ label, value, below }) => {
      const tile = made("div", "nncore-following-tile", "");
      tile.append(made("span", "", label), made("strong", "", value), made("small", "", below));
      return tile;
    }),
};

function draw(follower, frame) {
  const { root, data } = follower;
  root.replaceChildren(...DRAW[data.kind](data.frames[data.at[frame]]));
  root.className = `nncore-following nncore-following-${data.kind}`;
  root.dataset.frame = frame;
}

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".nncore-following");
  let follower = followers.get(root);
  if (!follower) {
    followers.set(root, (follower = { root }));
    follower.follow = ({ detail: { run, frame } }) => run === follower.data.run && draw(follower, frame);
    window.addEventListener("nncore-frame", follower.follow);
  }
  if (data !== follower.data) {
    follower.data = data;
    const { run, frame } = window.nncorePlaying ?? {};
    draw(follower, run === data.run ? frame : data.start);
  }
  return () => root.isConnected || window.removeEventListener("nncore-frame", follower.follow);
}
