// Whether the reader has asked for nothing to move.
const isStill = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

