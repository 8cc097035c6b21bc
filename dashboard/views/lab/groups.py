"""The lab's charts in three groups: what happens, why, and every parameter. A folded group is not measured."""

from __future__ import annotations

from dashboard.charts import activations, gradients, loss, weights
from dashboard.ui.layout import Group
from dashboard.views.lab import by_parameter, charts_causes, charts_parameters, network

HAPPENS = Group(
    "happens",
    "What happens",
    "the gradient over the layers and the steps, the loss",
    {
        "flow": gradients.FLOW.title,
        "heatmap": "Over training",
        "loss": loss.LOSS.title,
        "total": charts_parameters.TOTAL.title,
    },
    is_open=True,
)
WHY = Group(
    "why",
    "Why",
    "factor by factor, in every layer's units, in the updates, in three float types",
    {
        "ledger": charts_causes.LEDGER.title,
        "precision": charts_causes.PRECISION.title,
        **{key: text.title for key, text in activations.DISTRIBUTIONS.items()},
        "signal": activations.SIGNAL.title,
        "updates": gradients.UPDATE_RATIO.title,
        "saturation": activations.SATURATION.title,
    },
)
PARAMETERS = Group(
    network.PARAMETERS,
    "Every parameter",
    "gradients by name, θ over time",
    {by_parameter.KEY: charts_parameters.TENSORS.title, "theta": weights.PARAMETERS.title},
)

ALL = (HAPPENS, WHY, PARAMETERS)
