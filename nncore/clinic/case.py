"""A run with what a good engineer would say of it, decided from the training and never from a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field

from nncore.config.run_config import RunConfig


@dataclass(frozen=True)
class Case:
    """A labelled run. `says`: what is wrong with it, or why it is well, in a sentence.

    `causes`: rules of which any one names the cause; empty for a run that is well. Conditions and causes count,
    and an outcome where there is no more to say than that (a rate that is too small learns nothing).
    """

    name: str
    config: RunConfig
    says: str
    causes: frozenset[str] = field(default=frozenset())

    @property
    def is_sick(self) -> bool:
        """Is something wrong with the run?"""
        return bool(self.causes)


def sick(name: str, config: RunConfig, says: str, *causes: str) -> Case:
    """A run in which something is wrong, and the rules that name it."""
    return Case(name, config, says, frozenset(causes))


def well(name: str, config: RunConfig, says: str) -> Case:
    """A run that learns what it can."""
    return Case(name, config, says)
