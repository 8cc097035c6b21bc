"""The gallery of experiments: what the app's page says and draws of each, in both themes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from dashboard.charts.style import DARK, LIGHT
from dashboard.views.experiments import pictures
from dashboard.views.experiments.charts import described, picture
from dashboard.words.sentences import unbroken
from nncore import RunConfig
from nncore.experiments import EXPERIMENTS, TOPICS, Experiment


def chosen(text: str) -> tuple[str, ...]:
    """Names of experiments: "all", "none", or some with commas between; raises ValueError on one that is none.

    >>> chosen("none"), chosen("depth, skip")
    ((), ('depth', 'skip'))
    """
    if text in ("all", "none"):
        return tuple(EXPERIMENTS) if text == "all" else ()
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in EXPERIMENTS:
            raise ValueError(f"an experiment must be one of {', '.join(EXPERIMENTS)}; got {name!r}")
    return names


def configs(names: Sequence[str]) -> Iterator[tuple[str, RunConfig, int]]:
    """Each run of these experiments: its name, its config, and the step to look at."""
    for name in names:
        experiment = EXPERIMENTS[name]
        yield f"{name}-own", experiment.config, experiment.step
        yield f"{name}-other", experiment.against, experiment.step


def gallery(names: Sequence[str]) -> dict[str, Any]:
    """What host.js shows of these experiments, by topic."""
    members = {name: _card(EXPERIMENTS[name]) for name in names}
    topics = {topic: [name for name in names if EXPERIMENTS[name].topic == topic] for topic in TOPICS}
    return {
        "topics": [{"title": TOPICS[topic], "members": found} for topic, found in topics.items() if found],
        "members": members,
    }


def _card(experiment: Experiment) -> dict[str, Any]:
    labels, lines = (experiment.label, experiment.against_label), pictures.stored()[experiment.name]
    alt = described(experiment.title, labels, lines)
    return {
        "title": experiment.title,
        "claim": _plain(experiment.claim),
        "lookFor": _plain(experiment.look_for),
        "labels": labels,
        "pictures": {"light": picture(lines, labels, alt, LIGHT), "dark": picture(lines, labels, alt, DARK)},
    }


def _plain(text: str) -> str:
    """A text without Markdown's emphasis, in which a percentage stays on one line."""
    return unbroken(re.sub(r"\*(\w+)\*", r"\1", text))
