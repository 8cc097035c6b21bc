// The thumb of one of Streamlit's sliders moves in the browser; the server is told where it stands when it is let go.

// Where it stands; NaN where the slider is not on the page.
const thumbOf = (slider) => Number(slider?.querySelector("input[type=range]")?.value || NaN);

// Does it stand there? Between two steps of the slider it stands at the nearer one.
function isThumbAt(slider, value) {
  const step = Number(slider?.querySelector("input[type=range]")?.step) || 1;
  return Math.abs(thumbOf(slider) - value) < step / 2 + 1e-9;
}

// Does something, once a picture at most, when a thumb has moved below root in an element that the selector matches.
function watchThumbs(root, selector, moved) {
  let isToCome = 0;
  const watch = new MutationObserver((changes) => {
    if (!changes.some(({ target }) => target.closest(selector))) return;
    isToCome ||= requestAnimationFrame(() => {
      isToCome = 0;
      moved();
    });
  });
  watch.observe(root, { subtree: true, attributes: true, attributeFilter: ["aria-valuetext"] });
  return watch;
}
