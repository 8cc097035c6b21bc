// One player for whatever is played, the records of a run or the stages of a way back: its icons, its keys, its words.

const ICONS = {
  first: "M6 6h2v12H6zM18 6v12l-9-6z", back: "M15.5 6v12l-9-6z", play: "M8 5v14l11-7z", pause: "M6 5h4v14H6zM14 5h4v14h-4z",
  forward: "M8.5 6v12l9-6z", last: "M16 6h2v12h-2zM6 6v12l9-6z",
};
const KEYS = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last" };

// Buttons [data-does] get their icons. Each is pressed by pointer, Enter and Space; from any of them the arrow keys go one
// back and forward, Home and End to the ends.
function makeControls(bar, press) {
  for (const button of bar.querySelectorAll("button[data-does]")) {
    const { does } = button.dataset;
    button.insertAdjacentHTML("afterbegin", `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${ICONS[does]}" /></svg>`);
    button.addEventListener("click", () => press(does));
  }
  bar.addEventListener("keydown", (event) => {
    const does = KEYS[event.key];
    if (!does || !event.target.matches("button[data-does]") || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    press(does);
  });
}

// The button that plays is the one that pauses.
function showMoving(bar, moves, words = "Play") {
  const button = bar.querySelector('[data-does="play"]');
  button.querySelector("path").setAttribute("d", moves ? ICONS.pause : ICONS.play);
  button.querySelector("span").textContent = moves ? "Pause" : words;
}

