"""The same measurements from somebody else's training: recorded there, written as it runs, read by anyone."""

from nncore.recorders.columns import DISTRIBUTIONS, RECORDED_QUANTITIES, RecordedQuantity
from nncore.recorders.of_history import of_history
from nncore.recorders.recorded import Block, Recorded
from nncore.recorders.units import Unit

__all__ = ["DISTRIBUTIONS", "RECORDED_QUANTITIES", "Block", "Recorded", "RecordedQuantity", "Unit", "of_history"]
