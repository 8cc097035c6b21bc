// Keys for a clicker: PageDown and PageUp go through a lesson's parts, else from one chart or drawing of the page to the
// next; 1 to 9 go to one of them.

const DRAWN = ".nncore-plot, .nncore-network, svg[role=img], .katex-display";
const WAYS = { PageDown: 1, PageUp: -1 };

const TYPED = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [role=dialog]";

const main = () => document.querySelector("[data-testid=stMain]");

// Bordered blocks in which something is drawn, top to bottom; of two within each other the outer one.
function stages() {
  const blocks = [...main().querySelectorAll(".stVerticalBlock[class*=st-key-]")].filter(
    (block) => parseFloat(getComputedStyle(block).borderTopWidth) > 0 && block.offsetHeight && block.querySelector(DRAWN),
  );
  const outer = blocks.filter((block) => !blocks.some((other) => other !== block && other.contains(block)));
  return outer.map((block) => ({ block, top: block.getBoundingClientRect().top })).sort((a, b) => a.top - b.top);
}

// Where a stage is to stand: below the header, and below the player's bar where it stays in sight.
function below() {
  const header = document.querySelector("[data-testid=stHeader]")?.offsetHeight ?? 0;
  return header + 12 + (main().querySelector(".st-key-step_row")?.offsetHeight ?? 0);
}

function press(event) {
  if (!document.querySelector(".st-key-large input:checked")) return; // the view was left
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest?.(TYPED)) return;
  const steps = { PageDown: ".st-key-lesson_next button", PageUp: ".st-key-lesson_back button" };
  const button = event.key in WAYS && document.querySelector(steps[event.key]);
  if (button) {
    event.preventDefault();
    event.stopPropagation();
    return button.click(); // at the last part, where it is disabled, nothing happens
  }
  const line = below(), all = stages();
  const chosen = event.key in WAYS
    ? WAYS[event.key] > 0 ? all.find(({ top }) => top > line + 8) : all.findLast(({ top }) => top < line - 8)
    : /^[1-9]$/.test(event.key) ? all[event.key - 1] : undefined;
  if (!(event.key in WAYS) && !chosen) return;
  event.preventDefault();
  event.stopPropagation(); // a focused slider would take the key for itself
  const top = chosen ? main().scrollTop + chosen.top - line : WAYS[event.key] > 0 ? main().scrollHeight : 0;
  main().scrollTo({ top, behavior: isStill() ? "instant" : "smooth" });
}

export default function () {
  window.removeEventListener("keydown", window.nncoreClicker, true); // that of a page before, or none
  window.nncoreClicker = press;
  window.addEventListener("keydown", press, true);
}
