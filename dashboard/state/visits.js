// The browser's history: what the page writes into its address becomes an entry for each visit and each committed change.
//
// Streamlit replaces the entry where a widget is moved and pushes one for each parameter that the server writes. Both
// arrive here, and what the reader did since the entry began decides which of the two it is.

const PATH = " path"; // stands among the names of the parameters that differ; no parameter begins with a blank

// What of two addresses differs, the parameters that make no entry left out.
function difference(before, after, quiet) {
  const names = new Set([...before.searchParams.keys(), ...after.searchParams.keys()]);
  const values = (url, name) => JSON.stringify(url.searchParams.getAll(name));
  const differing = [...names].filter((name) => !quiet.includes(name) && values(before, name) !== values(after, name));
  return before.pathname === after.pathname ? differing : [PATH, ...differing];
}

function create() {
  const native = { push: history.pushState.bind(history), replace: history.replaceState.bind(history) };
  // acts: what the reader has done so far. An entry is open until the page has answered what began it; `moved` is the
  // one parameter that it changed, `seen` the addresses that it has had.
  const visits = { quiet: [], merged: 0, acts: 0, entry: null, number: history.state?.visit ?? 0 };

  const here = () => new URL(location.href);
  const begin = (moved, returning = false) => {
    visits.entry = { acts: visits.acts, isOpen: true, closed: 0, moved, returning, seen: [here()] };
  };
  const stay = (url) => {
    native.replace({ visit: visits.number }, "", url);
    visits.entry.seen.push(here());
  };
  const push = (url, moved) => {
    visits.number += 1;
    native.push({ visit: visits.number }, "", url);
    begin(moved);
  };

  function write(address, byReader) {
    const { entry } = visits, url = new URL(address ?? location.href, location.href);
    const names = difference(here(), url, visits.quiet), moved = names.length === 1 ? names[0] : "";
    const hasActed = visits.acts > entry.acts;
    if (entry.returning && entry.isOpen && !(hasActed && byReader && moved)) return; // the entry says what the page shall be
    if (!names.length || !hasActed) return stay(url);
    if (byReader) {
      const isOnItsWay = entry.isOpen || performance.now() - entry.closed < visits.merged;
      return moved && moved === entry.moved && isOnItsWay ? stay(url) : push(url, moved);
    }
    const isKnown = entry.seen.some((each) => !difference(each, url, visits.quiet).length);
    if (isKnown || (entry.isOpen && names[0] !== PATH)) return stay(url);
    push(url, "");
  }

  begin("");
  native.replace({ visit: visits.number }, "", location.href);
  history.replaceState = (state, unused, url) => write(url, true);
  history.pushState = (state, unused, url) => write(url, false);
  const act = () => (visits.acts += 1);
  addEventListener("pointerdown", act, true);
  addEventListener("keydown", act, true);
  addEventListener("click", (event) => event.detail || act(), true); // a click without a pointer
  addEventListener("popstate", (event) => {
    visits.number = event.state?.visit ?? visits.number;
    begin("", true);
  }, true);
  const app = document.querySelector("[data-test-script-state]");
  new MutationObserver(() => {
    if (app.dataset.testScriptState !== "notRunning") return;
    if (visits.entry.isOpen) visits.entry.closed = performance.now();
    visits.entry.isOpen = false;
  }).observe(app, { attributeFilter: ["data-test-script-state"] });
  return visits;
}

export default function ({ data }) {
  window.nncoreVisits ??= create();
  Object.assign(window.nncoreVisits, data);
}
