// The browser's history: what the page writes into its address becomes an entry for each visit and each committed change.
//
// Streamlit replaces the entry where a widget is moved and pushes one for each parameter that the server writes. Both
// arrive here, and what the reader did since the entry began decides which of the two it is.

const PATH = " path"; // stands among the names of the parameters that differ; no parameter begins with a blank
const RESTING = "[data-test-script-state=notRunning]";
const SOON = 1000; // milliseconds in which the page begins to answer; else it has answered already, or need not
const MOST_TRIES = 3; // to open an entry
const LONGEST_WAIT = 3000; // milliseconds until an entry is opened although the one before has not been answered

// What an address says: name -> its values, the parameters that make no entry left out.
function said(url, quiet) {
  const names = [...new Set(url.searchParams.keys())].filter((name) => !quiet.includes(name));
  return new Map([[PATH, url.pathname], ...names.map((name) => [name, JSON.stringify(url.searchParams.getAll(name))])]);
}

function difference(before, after) {
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => before.get(name) !== after.get(name));
}

const fact = (name, values) => `${name}=${values}`;

function create() {
  const native = { push: history.pushState.bind(history), replace: history.replaceState.bind(history) };
  // acts: what the reader has done so far. An entry is open until the page has answered what began it; `moved` is the
  // one parameter that it changed, `seen` what its address has said so far.
  const visits = { quiet: [], merged: 0, acts: 0, entry: null, waiting: null, rewound: null, number: history.state?.visit ?? 0 };

  const read = (url = location.href) => said(new URL(url, location.href), visits.quiet);
  const begin = (moved, returning = false) => {
    const seen = new Set([...read()].map(([name, values]) => fact(name, values)));
    const entry = { acts: visits.acts, isOpen: true, closed: 0, moved, returning, seen, isStray: false, tries: 0 };
    visits.entry = entry;
    setTimeout(() => document.querySelector(RESTING) && close(entry), returning ? LONGEST_WAIT : SOON);
  };
  const close = (entry) => {
    if (entry.isOpen) Object.assign(entry, { isOpen: false, closed: performance.now() });
  };
  const stay = (url) => {
    const now = read(url);
    for (const name of difference(read(), now)) visits.entry.seen.add(fact(name, now.get(name)));
    native.replace({ visit: visits.number }, "", url);
  };
  const push = (url, moved) => {
    visits.number += 1;
    native.push({ visit: visits.number }, "", url);
    begin(moved);
  };

  // What was pushed while the page was loaded, before this script was: its entries are left for the first of them.
  const rewind = () => {
    const { navigation } = window; // not in every browser
    const isExtra = history.state !== null && history.state.visit === undefined;
    visits.rewound ??= location.href;
    if (isExtra && navigation?.entries()[navigation.currentEntry.index - 1]?.sameDocument) return history.back();
    stay(visits.rewound);
    visits.rewound = null;
  };

  function write(url, byReader) {
    if (visits.rewound) return (visits.rewound = url);
    const { entry } = visits, now = read(url), names = difference(read(), now);
    const moved = names.length === 1 ? names[0] : "";
    const hasActed = visits.acts > entry.acts;
    if (entry.returning && !hasActed) { // the entry says what the page shall be
      entry.isStray ||= names.includes(PATH);
      if (entry.isOpen || entry.isStray) return;
    }
    if (!names.length || !hasActed) return stay(url);
    if (entry.returning && entry.isOpen && byReader && !moved) return stay(url); // Streamlit's own, while it goes back
    if (byReader) {
      const isOnItsWay = entry.isOpen || performance.now() - entry.closed < visits.merged;
      return moved && moved === entry.moved && isOnItsWay ? stay(url) : push(url, moved);
    }
    if (names.includes(PATH)) return push(url, "");
    const wasSeen = names.every((name) => entry.seen.has(fact(name, now.get(name))));
    if (wasSeen || entry.isOpen) return stay(url);
    push(url, "");
  }

  begin("");
  // Going back, a reader who has clicked already would be led back from where the click leads.
  if (navigator.userActivation?.hasBeenActive) stay(location.href);
  else rewind();
  history.replaceState = (state, unused, url) => write(url, true);
  history.pushState = (state, unused, url) => write(url, false);
  const act = () => (visits.acts += 1);
  addEventListener("pointerdown", act, true);
  addEventListener("keydown", act, true);
  addEventListener("click", (event) => event.detail || act(), true); // a click without a pointer
  // Streamlit hears of it when it has answered the one before, and then of the last: it loses its way among runs that
  // interrupt each other.
  const open = () => {
    clearTimeout(visits.waiting);
    visits.waiting = null;
    visits.isPassedOn = true;
    dispatchEvent(new PopStateEvent("popstate", { state: history.state }));
    visits.isPassedOn = false;
  };
  addEventListener("popstate", (event) => {
    if (visits.isPassedOn) return;
    if (visits.rewound) {
      event.stopImmediatePropagation();
      return rewind();
    }
    const isAnswering = visits.entry.returning && visits.entry.isOpen;
    visits.number = event.state?.visit ?? visits.number;
    begin("", true);
    if (!isAnswering) return;
    event.stopImmediatePropagation();
    visits.waiting ??= setTimeout(open, LONGEST_WAIT);
  }, true);
  new MutationObserver(() => {
    if (document.querySelector(RESTING) === null) return;
    if (visits.waiting) return open();
    const { entry } = visits;
    const isLost = entry.isStray && visits.acts === entry.acts && entry.tries < MOST_TRIES;
    if (isLost) { // what the page was doing when it was left has led it back
      Object.assign(entry, { isStray: false, tries: entry.tries + 1 });
      return open();
    }
    close(entry);
  }).observe(document.body, { subtree: true, attributeFilter: ["data-test-script-state"] });
  return visits;
}

export default function ({ data }) {
  window.nncoreVisits ??= create();
  Object.assign(window.nncoreVisits, data);
}
