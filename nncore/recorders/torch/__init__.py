"""Record a PyTorch model while it trains: `with record(model, optimizer) as recorder`, and nothing else changes.

PyTorch is imported where it is used: without it these modules load, and `record` has nobody to call it.
"""

from nncore.recorders.torch.recorder import Recorder, record

__all__ = ["Recorder", "record"]
