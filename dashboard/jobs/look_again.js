// Asks the server to run the fragment that it stands in again, every so often, and only while nothing else is asked for.

const STILL = "[data-test-script-state=notRunning]";
const LEAVING = 5000; // milliseconds in which a link that was clicked leads to its page
const timers = new WeakMap(); // the element -> its timer
let left = { page: "", at: -LEAVING }; // the page on which a link was clicked last, and when

addEventListener("click", ({ target }) => {
  if (target.closest?.("a[href]")) left = { page: location.pathname, at: performance.now() };
}, true);

export default function ({ data, parentElement, setTriggerValue }) {
  clearInterval(timers.get(parentElement));
  const page = location.pathname;
  const timer = setInterval(() => {
    if (!parentElement.isConnected) return clearInterval(timer);
    const isLeaving = location.pathname !== page || (left.page === page && performance.now() - left.at < LEAVING);
    if (document.querySelector(STILL) && !isLeaving) setTriggerValue("look", true);
  }, data.milliseconds);
  timers.set(parentElement, timer);
  return () => clearInterval(timer);
}
