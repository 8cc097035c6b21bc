"""RESULTS.md: ratios, goals, and by how much and why a goal is missed."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks import sweeps
from benchmarks.breakdown import FIRST_PARTS, PARTS, THREAD_PARTS, Broken, Parts
from benchmarks.contenders import KEEPS_NO_HISTORY, LABELS
from benchmarks.measure import Seconds
from benchmarks.scale import BASE, LARGE, Grown, Large
from benchmarks.workloads import WORKLOADS
from nncore.history.whole_file import write_whole_text

Milliseconds = dict[str, list[float]]
"""What `benchmarks.page` waited for -> milliseconds of each round; of playback, frames a second."""

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass(frozen=True)
class Goal:
    """nncore is to be so many times as fast as a contender."""

    workload: str
    contender: str
    times: float


GOALS = (
    Goal("T", "torch_eager", 50.0),
    Goal("T", "jax_scan", 0.7),
    Goal("T", "scikit_learn", 4.0),
    Goal("T", "floor", 0.5),
    Goal("M", "torch_eager", 6.0),
    Goal("M", "jax_scan", 1.2),
    Goal("M", "scikit_learn", 1.2),
    Goal("M", "floor", 0.85),
    Goal("D", "torch_eager", 3.0),
    Goal("D", "jax_scan", 1.8),
    Goal("D", "scikit_learn", 1.1),
    Goal("D", "floor", 0.85),
    Goal("D32", "torch_eager", 4.0),
    Goal("L", "torch_eager", 1.4),
    Goal("L", "jax_scan", 1.2),
    Goal("L", "scikit_learn", 0.95),
    Goal("L", "floor", 0.85),
    Goal("E", "nncore_loop", 2.0),
    Goal("E", "jax_scan", 1.7),
    Goal("first", "torch_eager", 15.0),
    Goal("first", "jax_scan", 12.0),
)


@dataclass(frozen=True)
class PageGoal:
    """What a reader waits for, and how long at most: times the floor's, or milliseconds where `floor` is empty."""

    about: str
    waited: str
    floor: str
    most: float


PAGE_GOALS = (
    PageGoal("depth slider: headline", "lab depth headline", "floor depth headline", 1.5),
    PageGoal("depth slider: flow chart", "lab depth flow", "floor depth headline", 2.0),
    PageGoal("depth slider: the page stands still", "lab depth idle", "floor depth headline", 3.0),
    PageGoal("step slider: flow chart", "lab step flow", "", 50.0),
    PageGoal("page opened: network", "lab opened network", "", 1000.0),
    PageGoal("page opened: all charts", "lab opened charts", "", 2000.0),
)
PAGE_PARTS = {
    "depth slider: line of text": ("floor depth", "headline"),
    "depth slider: headline": ("lab depth", "headline"),
    "depth slider: flow chart": ("lab depth", "flow"),
    "depth slider: the page stands still": ("lab depth", "idle"),
    "new depth: headline": ("lab new depth", "headline"),
    "new depth: flow chart": ("lab new depth", "flow"),
    "new depth: the page stands still": ("lab new depth", "idle"),
    "page opened: line of text": ("floor opened", "headline"),
    "page opened: headline": ("lab opened", "headline"),
    "page opened: network": ("lab opened", "network"),
    "page opened: all charts": ("lab opened", "charts"),
}
"""What is waited for -> after what, and what."""
LEAST_FRAMES = 30.0
"""Frames a second in playback."""
MOST_TRAININGS = 2
"""That one drag of a slider may begin."""
MOST_BESIDE_A_CHANGE = 2.0
"""Times what a single change takes, from the end of a drag to what is painted."""

REMARKS = {
    "T": "Each of these is a few calls from Python on arrays of a few hundred numbers, which a compiled loop does not have.",
    "E": "That is one block of runs on one thread. Blocks of 1, 2, 8 and 16 runs on two threads were slower, other intervals "
    "at which threads take turns no faster. Two processes, which have no lock in common, were level with two threads, with "
    "their histories in shared memory or each in its own: what they gain by the lock goes into fresh pages.",
}
"""What is known of a missed goal beside the largest parts of the time: written by hand."""


def ratio(seconds: Seconds, contender: str, of: str = "nncore") -> tuple[float, float]:
    """(median over rounds, fastest over fastest) of a contender's time divided by another's."""
    theirs, ours = np.array(seconds[contender]), np.array(seconds[of])
    return float(np.median(theirs / ours)), float(theirs.min() / ours.min())


def write(
    measured: dict[str, Seconds],
    costs: list[tuple[str, float]],
    swept: dict[str, Seconds],
    grown: dict[str, Grown],
    large: Large | None,
    waited: Milliseconds,
    broken: dict[str, Broken],
) -> None:
    """RESULTS.md with what has been measured in this call."""
    parts = [*_head(), *_table(measured), *_goals(measured, broken), *breakdown_table(broken), *_costs(costs)]
    parts += [*sweeps_table(swept), *scale_table(grown, large), *page_table(waited)]
    write_whole_text(RESULTS, "\n".join(parts) + "\n")


def breakdown_table(broken: dict[str, Broken]) -> list[str]:
    """The section on where nncore's time goes: shares of each workload's parts."""
    if not broken:
        return []
    names = [name for name in broken if name not in ("first", "threads")]
    lines = [
        "## Where the time goes",
        "",
        "Shares of nncore's time in percent (`python -m benchmarks breakdown`): medians over rounds in which a run, the same",
        "on memory that has been written to before, and that with a clock in each part take turns. The clock's own time is",
        "taken off. Fresh pages are what the run takes longer than on used memory; E is one block of runs on one thread.",
        "",
        "| part | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for part, label in PARTS.items():
        lines.append(f"| {label} | " + " | ".join(f"{100 * broken[name].parts[part]:.1f}" for name in names) + " |")
    lines.append("| together | " + " | ".join(f"{100 * sum(broken[name].parts.values()):.0f}" for name in names) + " |")
    lines.append(
        "| matrix products: 10⁹ operations a second | "
        + " | ".join(f"{broken[name].rate:.0f}" for name in names)
        + " |"
    )
    if "threads" in broken:
        lines += ["", f"The time that E's two threads have together: {_shares(THREAD_PARTS, broken['threads'].parts)}."]
    if "first" in broken:
        lines += ["", f"The first result of a fresh process: {_shares(FIRST_PARTS, broken['first'].parts)}."]
    return [*lines, ""]


def largest_parts(name: str, parts: Parts, at_most: int = 4) -> str:
    """A sentence with the parts that take the most of a workload's time, the largest first."""
    order = sorted(parts, key=lambda part: -parts[part])[:at_most]
    labels = FIRST_PARTS if name == "first" else PARTS
    return f"Of its time: {_shares({part: labels[part] for part in order}, parts)}."


def _shares(labels: dict[str, str], parts: Parts) -> str:
    return ", ".join(f"{label} {100 * parts[part]:.0f} %" for part, label in labels.items())


def sweeps_table(swept: dict[str, Seconds]) -> list[str]:
    """The sweeps' section: ratios beside one worker."""
    if not swept:
        return []
    lines = [
        "## Sweeps",
        "",
        "How many times as long each takes as `nncore.sweep` with one worker, which notes δ norms per layer,",
        "losses, accuracies and a verdict of every run (the map: δ norms alone). Below 1 it is the faster one.",
        "",
        "| contender | " + " | ".join(f"{name}: {sweeps.SWEEPS[name].about}" for name in swept) + " |",
        "| --- |" + " --- |" * len(swept),
    ]
    for who, label in sweeps.LABELS.items():
        found = (ratio(seconds, who, "sweep") for seconds in swept.values())
        cells = (f"{_number(median)} ({_number(fastest)})" for median, fastest in found)
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def scale_table(grown: dict[str, Grown], large: Large | None) -> list[str]:
    """The section on growth: exponents, and where a product becomes dearer."""
    if not grown:
        return []
    lines = [
        "## Scale",
        "",
        f"One setting grows at a time, from {BASE.depth} layers of {BASE.hidden[0]} units on {BASE.n_train} rows, on one BLAS",
        "thread. Time (of the processor, the fastest round) and the peak of memory grow with the size to these powers, the",
        "slopes of straight lines through all sizes' logarithms. The last column is the time a product takes at each size,",
        "beside the size at which it takes least: small sizes pay for calls from Python, large ones for a cache that is left",
        "and for fresh pages of history.",
        "",
        "| what grows | sizes | time | memory | time a product takes |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, each in grown.items():
        sizes = ", ".join(f"{size:,}" for size in each.growth.sizes)
        dear = ", ".join(f"{value:.2g}" for value in each.per_product)
        time, memory = each.exponent(each.seconds), each.exponent(each.bytes)
        lines.append(f"| {name} | {sizes} | {time:.2f} | {memory:.2f} | {dear} |")
    if large is not None:
        lines += [
            "",
            f"{LARGE.depth} layers of {LARGE.hidden[0]:,} units, {LARGE.hidden[0]:,} × {LARGE.hidden[0]:,} weights each, on {LARGE.n_train} "
            f"rows: {1e3 * large.seconds:.0f} ms of one core a step, of",
            f"which the matrix products alone take {100 * large.products / large.seconds:.0f} %, and "
            f"{large.bytes / 2**20:,.0f} MB at most for {LARGE.steps} steps.",
        ]
    return [*lines, ""]


def page_table(waited: Milliseconds) -> list[str]:
    """The section on the page: from a key press, or from the request of the page, to what is painted."""
    if not waited:
        return []
    presses, openings = len(waited["lab depth idle"]), len(waited["lab opened charts"])
    lines = [
        "## Page",
        "",
        f"From a key press ({presses} of each) or the page's request ({openings}) to what is painted, in Chromium with a window of",
        "1400 × 900 on a server that has been asked before: the median, in milliseconds, and how many times as long as an app of",
        "one slider and one line of text takes for its line, which took turns with it. Pages are opened in a browser without an",
        "inspector, which would slow the reading of scripts. The depth slider goes between two depths whose runs the server has.",
        "",
        "| what is waited for | ms | beside the line of text | goal | |",
        "| --- | --- | --- | --- | --- |",
    ]
    for goal in PAGE_GOALS:
        found = float(np.median(waited[goal.waited]))
        floor = goal.floor or ("floor opened headline" if "opened" in goal.waited else "floor depth headline")
        beside = found / float(np.median(waited[floor]))
        share = goal.most / (beside if goal.floor else found)
        most = f"{goal.most:g}×" if goal.floor else f"{goal.most:g} ms"
        verdict = "reached" if share >= 1 else f"missed: {1 / share:.3g} times the goal"
        lines.append(f"| {goal.about} | {found:.0f} | {beside:.1f}× | {most} | {verdict} |")
    told = max(waited["lab depth dragged told"])
    beside = float(np.median(waited["lab depth dragged flow"]) / np.median(waited["lab depth jumped flow"]))
    dragged = (
        f"The depth slider's thumb taken from end to end within a second: {told:.0f} training{'s' * (told != 1)} began of {MOST_TRAININGS} "
        f"at most; {'reached' if told <= MOST_TRAININGS else 'missed'}. Its flow chart was painted "
        f"{beside:.1f}× as long after the thumb was let go as after a single change to the same depth, of {MOST_BESIDE_A_CHANGE:g}×; "
        f"{'reached' if beside <= MOST_BESIDE_A_CHANGE else 'missed'}."
    )
    (frames,) = waited["lab frames a second"]
    verdict = "reached" if frames >= LEAST_FRAMES else f"missed: {100 * frames / LEAST_FRAMES:.0f} % of it"
    return [
        *lines,
        "",
        dragged,
        "",
        f"Playback at its fastest: {frames:.0f} frames a second of {LEAST_FRAMES:g}; {verdict}.",
        "",
        *_page_parts(waited),
    ]


def _page_parts(waited: Milliseconds) -> list[str]:
    """Where the time goes: medians, of which the browser's part is what the others leave."""
    lines = [
        "What it consists of, in milliseconds: until the browser has told the server; until the server has sent what is waited for,",
        "asked the same by a reader who has no browser; and the rest, in which the browser reads, lays out and paints. A new depth",
        "is one whose run nobody has asked for: it is trained first. It stands still when remedies have been tried out, too.",
        "",
        "| what is waited for | together | until the server is told | server | browser |",
        "| --- | --- | --- | --- | --- |",
    ]
    for about, (after, what) in PAGE_PARTS.items():
        together, told, sent = (
            round(float(np.median(waited[f"{after} {name}"]))) for name in (what, "told", f"{what} sent")
        )
        lines.append(f"| {about} | {together} | {told} | {sent} | {together - told - sent} |")
    return [*lines, ""]


def _head() -> list[str]:
    features = __import__("numpy._core._multiarray_umath", fromlist=["__cpu_features__"]).__cpu_features__
    simd = "AVX-512" if features.get("AVX512F") else "AVX2 and no AVX-512" if features.get("AVX2") else "no AVX2"
    kernel = next(each["architecture"] for each in threadpool_info() if each["internal_api"] == "openblas")
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "torch", "jax", "scikit-learn"))
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    return [
        "# nncore beside its peers",
        "",
        "Written by `make bench`. A number says how many times as long a contender takes as nncore for the same",
        "work: above 1, nncore is the faster one. The median of the rounds, and in brackets the fastest round of",
        "each, which other programs disturb least.",
        "",
        "The runs are as long as people's own, and each contender makes the same number of forward and backward passes,",
        "which is counted; over their first steps all have recorded the same numbers, later ones rounding alone parts.",
        "",
        "Each contender starts from the same theta, takes the same full-batch steps of gradient descent on the mean",
        "squared error in the same float type, and records at every step theta, gradient, loss and 14 statistics of",
        "every layer (mean and standard deviation of z, a, delta, weight, bias and both gradients). They run in processes",
        "of their own and take turns. scikit-learn keeps no history at all. PyTorch has one thread or two, whichever is the faster; JAX what it takes.",
        "",
        f"Machine: {os.cpu_count()} cores with {simd}, OpenBLAS kernel {kernel}, Python {platform.python_version()}, {packages}.",
        f"At the end of the run {busy:.1f} programs a core wanted to run; 1.0 is this benchmark alone.",
        "",
    ]


def _table(measured: dict[str, Seconds]) -> list[str]:
    names = list(measured)
    lines = [
        "| contender | " + " | ".join(f"{name}: {WORKLOADS[name].about}" for name in names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    for contender, label in LABELS.items():
        cells = []
        for seconds in measured.values():
            if contender in seconds:
                median, fastest = ratio(seconds, contender)
                cells.append(f"{_number(median)} ({_number(fastest)})")
            else:
                cells.append("–")
        if set(cells) != {"–"}:
            lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _goals(measured: dict[str, Seconds], broken: dict[str, Broken]) -> list[str]:
    lines = ["## Goals", "", "Judged by the smaller of the two numbers.", ""]
    lines += ["| workload | beside | goal | found | |", "| --- | --- | --- | --- | --- |"]
    missed = []
    for goal in GOALS:
        if goal.workload not in measured:
            continue
        median, fastest = ratio(measured[goal.workload], goal.contender)
        found = min(median, fastest)
        share = found / goal.times
        verdict = "reached" if share >= 1 else f"missed: {100 * share:.0f} % of it"
        if share < 1 and goal.workload not in missed:
            missed.append(goal.workload)
        lines.append(
            f"| {goal.workload} | {LABELS[goal.contender]} | {_number(goal.times)} | "
            f"{_number(median)} ({_number(fastest)}) | {verdict} |"
        )
    lines.append("")
    for name in missed:
        why = largest_parts(name, broken[name].parts) if name in broken else "Not broken down in this run."
        why += f" {REMARKS[name]}" if name in REMARKS else ""
        if name == "E" and "threads" in broken:
            why += f" Of the time that two threads have together: {_shares(THREAD_PARTS, broken['threads'].parts)}."
        if "floor" in measured[name]:
            why += f" Products and activations alone are {_percent(measured[name], 'floor')} of its time."
        if "nncore_used" in measured[name]:
            why += _on_used_memory(measured[name])
        lines += [f"**{name}.** {why}", ""]
    return lines


def _on_used_memory(seconds: Seconds) -> str:
    """How the contenders stand that write no history, where that has cost nncore fresh pages."""
    used = _percent(seconds, "nncore_used")
    beside = ", ".join(
        f"{LABELS[who]} {_number(ratio(seconds, who, 'nncore_used')[1])}" for who in KEEPS_NO_HISTORY if who in seconds
    )
    return f" On memory that has been written to before it takes {used} of that; beside it: {beside}."


def _percent(seconds: Seconds, contender: str) -> str:
    """A contender's fastest round as a share of nncore's."""
    return f"{100 * ratio(seconds, contender)[1]:.0f} %"


def _costs(costs: list[tuple[str, float]]) -> list[str]:
    if not costs:
        return []
    return [
        "## The estimate before a run",
        "",
        "What the dashboard says and refuses by (`nncore.config.cost` and the estimates made of it): estimated seconds",
        "over measured processor seconds.",
        "",
        "| run | estimate / measured |",
        "| --- | --- |",
        *(f"| {name} | {value:.2f} |" for name, value in costs),
        "",
    ]


def _number(value: float) -> str:
    return f"{value:.0f}×" if value >= 10 else f"{value:.2g}×"
