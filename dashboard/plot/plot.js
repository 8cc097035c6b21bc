// One chart: Plotly.react on a node that stays, so that zoom and hidden legend entries outlive a change of data.

const NOT_OFFERED = ["toImage", "select2d", "lasso2d"];
const ARROW_ONTO_TRAY = { width: 24, height: 24, path: "M11 2h2v9h4l-5 6-5-6h4zM4 19h16v2H4z" };
const TRANSPARENT = "rgba(0,0,0,0)";

const charts = new WeakMap(); // root element -> its chart

const css = (element, name) => getComputedStyle(element).getPropertyValue(name).trim();

// Streamlit's own script tells where the app lives, behind a base path or a proxy that strips it alike.
function address(path) {
  const script = document.querySelector('script[type="module"][src*="/static/js/"]');
  return new URL(path, new URL(script ? script.src.replace(/static\/js\/.*$/, "") : ".", document.baseURI)).href;
}

// The library is loaded once for all charts of the page; a failed load is tried again by the next chart.
function library(path) {
  const url = address(path);
  window.nncorePlotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => (window.Plotly ? resolve(window.Plotly) : script.onerror());
    script.onerror = () => {
      delete window.nncorePlotly;
      script.remove();
      reject(new Error(`the chart library did not load from ${url}; reload the page to try again`));
    };
    document.head.append(script);
  });
  return window.nncorePlotly;
}

function themed(layout, data, root) {
  const given = { ...layout.template?.layout?.font, ...layout.font };
  const { width, height, transition, ...rest } = layout;
  const stillness = matchMedia("(prefers-reduced-motion: reduce)").matches || !transition;
  return {
    uirevision: data.key,
    // A finger that drags scrolls the page; the toolbar's zoom button makes it draw a box.
    ...(matchMedia("(pointer: coarse)").matches ? { dragmode: false } : {}),
    ...rest,
    ...(stillness ? {} : { transition }),
    autosize: true,
    paper_bgcolor: TRANSPARENT,
    plot_bgcolor: TRANSPARENT,
    font: { family: css(root, "--st-font"), color: css(root, "--st-text-color"), ...given },
  };
}

// A picture leaves the page, so it takes the page's background with it.
async function download(chart, format) {
  const { data, layout, _fullLayout } = chart.graph;
  const { width, height } = _fullLayout;
  const figure = { data, layout: { ...layout, width, height, paper_bgcolor: css(chart.root, "--st-background-color") } };
  const filename = String(layout.meta?.name ?? chart.key);
  try {
    await window.Plotly.downloadImage(figure, { format, width, height, scale: 2, filename });
  } catch (problem) {
    fail(chart, problem, "saved");
  }
}

const config = (chart, Plotly, given) => ({
  displaylogo: false,
  showSendToCloud: false, // its button uploads the chart's data to somebody else's server
  doubleClick: "reset+autosize",
  modeBarButtonsToRemove: NOT_OFFERED,
  modeBarButtonsToAdd: [
    { name: "png", title: "Download PNG", icon: Plotly.Icons.camera, click: () => download(chart, "png") },
    { name: "svg", title: "Download SVG", icon: ARROW_ONTO_TRAY, click: () => download(chart, "svg") },
  ],
  ...given,
});

function fail(chart, problem, what = "drawn") {
  console.error(problem);
  chart.message.textContent = `This chart could not be ${what}: ${problem?.message ?? problem}.`;
  chart.message.hidden = false;
  chart.failed = what === "drawn";
  chart.graph.hidden = chart.failed;
}

const plain = (value) => (ArrayBuffer.isView(value) ? Array.from(value) : (value ?? null));

function listen(chart) {
  chart.graph.on("plotly_click", ({ points: [point] }) => {
    const { x, y, z, curveNumber: curve, pointNumber, customdata } = point;
    chart.click?.("click", {
      x: plain(x), y: plain(y), z: plain(z), curve, point: plain(pointNumber), customdata: plain(customdata),
    });
  });
}

// One tab stop for the toolbar; the arrow keys walk along it.
function makeToolbarOneTabStop(chart) {
  const buttons = [...chart.graph.querySelectorAll(".modebar-btn")];
  const stop = buttons.find((button) => button === document.activeElement) ?? buttons[0];
  for (const button of buttons) button.tabIndex = button === stop ? 0 : -1;
}

function walkToolbar(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  const button = event.target.closest?.(".modebar-btn");
  if (!step || !button) return;
  const buttons = [...button.closest(".modebar").querySelectorAll(".modebar-btn")];
  const next = buttons.at((buttons.indexOf(button) + step) % buttons.length);
  for (const each of buttons) each.tabIndex = each === next ? 0 : -1;
  next.focus();
  event.preventDefault();
}

// The newest data wins: what arrives while a picture is being drawn replaces what has been waiting.
async function paint(chart) {
  const { root, graph } = chart;
  if (chart.busy || !chart.next || root.clientWidth === 0) return;
  chart.busy = true;
  while (chart.next) {
    const data = chart.next;
    chart.next = null;
    try {
      const Plotly = await library(data.library);
      if (!root.isConnected) break;
      if (chart.failed) Plotly.purge(graph);
      graph.hidden = false;
      const isFirst = !graph.on;
      const { data: traces, layout = {}, frames } = data.figure;
      const figure = { data: traces, layout: themed(layout, data, root), frames };
      // A config draws everything anew, zoom and all: it is handed over only when it is another one.
      const wanted = JSON.stringify(data.figure.config);
      if (isFirst || wanted !== chart.config) figure.config = config(chart, Plotly, data.figure.config);
      chart.config = wanted;
      await Plotly.react(graph, figure);
      if (isFirst) listen(chart);
      makeToolbarOneTabStop(chart);
      chart.failed = false;
      chart.message.hidden = true;
      graph.dataset.painted = Number(graph.dataset.painted ?? 0) + 1;
    } catch (problem) {
      fail(chart, problem);
    }
  }
  chart.busy = false;
}

function create(root) {
  const chart = {
    root,
    graph: root.querySelector(".nncore-plot-graph"),
    message: root.querySelector(".nncore-plot-message"),
    width: 0,
    height: 0,
  };
  // A chart in a hidden tab has no width: it is drawn when it is shown.
  chart.observer = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = root;
    if (width === 0 || (width === chart.width && height === chart.height)) return;
    Object.assign(chart, { width, height });
    if (chart.next) paint(chart);
    else if (chart.graph.on && !chart.failed) window.Plotly.Plots.resize(chart.graph);
  });
  chart.observer.observe(root);
  root.addEventListener("keydown", walkToolbar);
  return chart;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".nncore-plot");
  let chart = charts.get(root);
  if (!chart) charts.set(root, (chart = create(root)));
  root.style.height = `${data.height}px`;
  root.id = data.key; // a link to #key jumps to the chart
  root.setAttribute("aria-label", data.alt);
  chart.graph.dataset.testid = `plot-${data.key}`;
  chart.key = data.key;
  chart.click = data.click ? setTriggerValue : null;
  // Streamlit calls again when its theme changes but does not rerun the app, whose figures have the old theme's colours.
  const background = css(root, "--st-background-color");
  const isNewTheme = chart.background !== undefined && chart.background !== background;
  chart.background = background;
  if (isNewTheme) setTriggerValue("theme", background);
  if (data !== chart.data || isNewTheme) {
    chart.data = chart.next = data;
    paint(chart);
  }
  return () => {
    if (root.isConnected) return; // an earlier call's farewell: the chart itself stays
    chart.observer.disconnect();
    if (chart.graph.on) window.Plotly.purge(chart.graph);
  };
}
