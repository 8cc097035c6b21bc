// Whether the reader has asked for nothing to move.
const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Does something when the browser has nothing else to do, after a second at the latest.
const whenAtRest = (action) => (window.requestIdleCallback ? requestIdleCallback(action, { timeout: 1000 }) : setTimeout(action));
