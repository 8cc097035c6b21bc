// Brings one element of the page into sight, and holds it there while the page grows around it, until the reader moves.

let sought = { turn: undefined, stop: () => {} }; // what was asked for last

const HANDS = ["wheel", "touchstart", "pointerdown", "keydown"];
const GLOW = 2400; // milliseconds in which the frame around what was asked for fades

function seek(key, colour) {
  const page = document.querySelector("[data-testid=stMainBlockContainer]");
  const find = () => document.querySelector(`.st-key-${CSS.escape(key)}`);
  let hasGlowed = false;
  const bring = () => {
    const element = find();
    if (!element?.isConnected || !element.getClientRects().length) return;
    const room = element.closest("[data-testid=stMain]").clientHeight;
    element.scrollIntoView({ block: element.offsetHeight < 0.8 * room ? "center" : "start" });
    if (hasGlowed) return;
    hasGlowed = true;
    const outline = { outline: `3px solid ${colour}`, outlineOffset: "2px", borderRadius: "0.5rem" };
    element.animate([outline, outline, { ...outline, outlineColor: "transparent" }], { duration: GLOW, easing: "ease-in" });
  };
  const grown = new ResizeObserver(bring), drawn = new MutationObserver(() => hasGlowed || bring());
  const stop = () => {
    grown.disconnect();
    drawn.disconnect();
    for (const event of HANDS) window.removeEventListener(event, stop, true);
  };
  grown.observe(page);
  drawn.observe(page, { childList: true, subtree: true });
  for (const event of HANDS) window.addEventListener(event, stop, { capture: true, passive: true });
  bring();
  return stop;
}

export default function ({ data, parentElement }) {
  if (data.turn === sought.turn) return; // the page was drawn anew, and stays where the reader has scrolled it
  sought.stop();
  const colour = getComputedStyle(parentElement).getPropertyValue("--st-primary-color");
  sought = { turn: data.turn, stop: data.key ? seek(data.key, colour) : () => {} };
}
