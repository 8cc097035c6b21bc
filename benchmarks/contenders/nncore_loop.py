"""nncore with the runs of an ensemble one after the other."""

from benchmarks.contenders.nncore import one_by_one as prepare

__all__ = ["prepare"]
