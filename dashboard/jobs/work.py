"""Kinds of background work: a request describes it completely, its work does it in a thread and counts the steps."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, Protocol, TypeVar

from cachetools import LRUCache

from dashboard.jobs import limits
from dashboard.jobs.weight import weight
from nncore import History, RunConfig, run
from nncore.config import cost
from nncore.config.run_config import TABLE
from nncore.model.initializers import StoppedEarly
from nncore.seeds import SeedRuns, Seeds, run_seeds

T = TypeVar("T")
W_co = TypeVar("W_co", bound="Work", covariant=True)

Sharing = Literal["all", "session", "none"]
"""Who is given work that is there already: every session that asks for the same, only the session that asked first (the
work is on an uploaded table), or nobody (it is on an opened file, which may be closed)."""


class Request(Protocol[W_co]):
    """Describes work completely: hashable, and the key under which it is shared.

    A new kind of background work is a class with these members, and the `Work` that it begins.
    """

    @property
    def sharing(self) -> Sharing:
        """Who else is given the same work."""

    def seconds(self) -> float:
        """Estimated seconds of work."""

    def history_bytes(self) -> int:
        """Memory of the result, estimated."""

    def check_budget(self, seconds: float, size: int) -> None:
        """Raise ValueError, with what to reduce, where it takes more seconds or more bytes of memory."""

    def work(self) -> W_co:
        """New work on it, to be called in a thread."""


class Work:
    """One request, being worked on or finished, and what was measured on its result.

    `waiting` holds the sessions that want it: when the last one leaves, unfinished work is cancelled. `readers` holds all that
    ever did, and `left` says since when none of them is there any more. A subclass says
    `steps` and does `compute`; work that was begun with a `last_step` ends there.
    """

    def __init__(self, request: Any, last_step: int | None = None) -> None:
        self.request, self.last_step = request, last_step
        self.step, self.loss = 0, float("nan")
        self.waiting: set[str] = set()
        self.stop = self._begun = False
        self.future: Future[Any] | None = None
        self.readers: set[str] = set()
        self.left: float | None = None
        self._weights: dict[Any, int] = {}
        self._measured: LRUCache[Any, Any] = LRUCache(limits.MEASUREMENTS_KEPT)
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        """Do the work, in a worker thread: no Streamlit calls here."""
        if not self.waiting:
            raise Abandoned
        try:
            result = self.compute()
        except StoppedEarly:
            if not self.waiting:
                raise Abandoned from None
            raise
        if not self.waiting:
            raise Abandoned
        return result

    @property
    def steps(self) -> int:
        """Steps until the end, at least 1."""
        raise NotImplementedError

    def compute(self) -> Any:
        """The result, or what there is of it as soon as `cancelled()`, which is asked at every step."""
        raise NotImplementedError

    @cached_property
    def seconds(self) -> float:
        """What it takes by estimate."""
        return float(self.request.seconds())

    @property
    def done(self) -> bool:
        """Has the work ended?"""
        return self.future is not None and self.future.done()

    @property
    def result(self) -> Any:
        """What came of it; raises what the work raised."""
        assert self.future is not None
        return self.future.result()

    @property
    def error(self) -> BaseException | None:
        """What the work raised, where it has ended so."""
        return self.future.exception() if self.future is not None and self.future.done() else None

    @property
    def steps_done(self) -> int:
        """Steps so far; all of them once the work has ended."""
        return self.steps if self.done else self.step

    def progress_text(self) -> str:
        """How far the work has come, in words."""
        return f"Step {self.steps_done:,} of {self.steps:,}"

    def measured(self, function: Callable[..., T], *arguments: Any) -> T:
        """function(result, *arguments), computed once for all readers."""
        key = (function.__module__, function.__qualname__, *arguments)
        with self._lock:
            if key not in self._measured:
                found = function(self.result, *arguments)
                self._measured[key], self._weights[key] = found, weight(found)
                while (
                    sum(self._weights[each] for each in self._measured) > limits.MEASURED_BYTES
                    and len(self._measured) > 1
                ):
                    self._measured.popitem()
                self._weights = {each: self._weights[each] for each in self._measured}
            return self._measured[key]

    @property
    def nbytes(self) -> int:
        """Memory of its result, as estimated or known, and of what was measured on it."""
        with self._lock:
            return self._result_bytes() + sum(self._weights.values())

    def _result_bytes(self) -> int:
        """Memory of the result alone."""
        return int(self.request.history_bytes())

    def up_to_here(self) -> Work:
        """The same work for one session alone, to end where this one stands now."""
        return type(self)(self.request, self.step)

    def cancelled(self) -> bool:
        """Is the work to end now?"""
        return (
            self.stop
            or not self.waiting
            or (self._begun and self.last_step is not None and self.step >= self.last_step)
        )

    def report(self, step: int, loss: float = float("nan")) -> None:
        """Note that a step is done."""
        self.step, self.loss, self._begun = step, loss, True


class Abandoned(Exception):
    """The work ended because no session waited for it any more."""


# A run ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunRequest:
    """The run of a config. A fork may be given the history of its parent, which does not count as another request."""

    config: RunConfig
    parent: Training | None = field(default=None, compare=False)

    @property
    def sharing(self) -> Sharing:
        if isinstance(self.parent, Opened):
            return "none"
        return "session" if self.config.dataset == TABLE else "all"

    def seconds(self) -> float:
        return cost.estimate(self.config).seconds

    def history_bytes(self) -> int:
        return self.config.history_bytes()

    def check_budget(self, seconds: float, size: int) -> None:
        cost.check_budget(self.config, seconds, size)

    def work(self) -> Training:
        """Work that keeps the parent's history no longer than until it ends."""
        return Training(replace(self, parent=None), parent=self.parent.history if self.parent else None)


class Training(Work):
    """One run and its history."""

    request: RunRequest

    def __init__(self, request: RunRequest, last_step: int | None = None, parent: History | None = None) -> None:
        super().__init__(request, last_step)
        self.parent = parent

    @property
    def config(self) -> RunConfig:
        """What is trained."""
        return self.request.config

    @property
    def steps(self) -> int:
        return max(self.config.steps, 1)

    def compute(self) -> History:
        history = run(
            self.config,
            parent=self.parent,
            cancelled=self.cancelled,
            progress=self.report,
            memory_budget=limits.bytes_allowed(),
            compact=True,
        )
        self.parent = None
        return history

    def _result_bytes(self) -> int:
        return self.history.nbytes if self.done and self.error is None else super()._result_bytes()

    def progress_text(self) -> str:
        text = f"Training: step {self.steps_done:,} of {self.steps:,}"
        return f"{text}, loss {self.loss:.4g}" if self.step else text

    def up_to_here(self) -> Training:
        return Training(self.request, self.step, self.parent)

    @property
    def history(self) -> History:
        """The finished history; raises what the run raised."""
        return self.result


class Opened(Training):
    """A history that was read from a file: finished from the start, and its session's alone."""

    def __init__(self, session: str, history: History, name: str) -> None:
        super().__init__(RunRequest(history.config))
        self.name = name
        self.waiting.add(session)
        self.future = Future()
        self.future.set_result(history)


# Many seeds -------------------------------------------------------------------------------------------------


class SeedRequest(SeedRuns):
    """The runs of a config with many seeds."""

    @property
    def sharing(self) -> Sharing:
        return "session" if self.config.dataset == TABLE else "all"

    def work(self) -> SeedTraining:
        return SeedTraining(self)


class SeedTraining(Work):
    """One set-up under many seeds, and what was measured on them; its steps are counted over all seeds."""

    request: SeedRequest

    @property
    def steps(self) -> int:
        return max(self.request.steps, 1)

    def compute(self) -> Seeds:
        return run_seeds(
            self.request, cancelled=self.cancelled, progress=self.report, memory_budget=limits.bytes_allowed()
        )

    def progress_text(self) -> str:
        n_seeds = self.request.n_seeds
        return f"Training {n_seeds} seeds: {int(self.steps_done / self.steps * n_seeds)} are done"

    @property
    def seeds(self) -> Seeds:
        """What was measured; raises what the work raised."""
        return self.result
