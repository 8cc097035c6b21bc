"""History -> measurement: one function per quantity, replayed on the probe rows when somebody looks."""

from nncore.measures.histograms import DISTRIBUTIONS, distribution, distributions
from nncore.measures.layers import gradient_flow, gradient_flows, over_time, per_layer, summary
from nncore.measures.measurement import Measurement
from nncore.measures.outputs import constant_loss, performance, response, responses
from nncore.measures.parameters import layer_parameters, parameter
from nncore.measures.quantities import LAYER_QUANTITIES, SATURATED_BELOW, LayerView, Quantity
from nncore.measures.spread import OVER_TIME

__all__ = [
    "DISTRIBUTIONS",
    "LAYER_QUANTITIES",
    "OVER_TIME",
    "SATURATED_BELOW",
    "LayerView",
    "Measurement",
    "Quantity",
    "constant_loss",
    "distribution",
    "distributions",
    "gradient_flow",
    "gradient_flows",
    "layer_parameters",
    "over_time",
    "parameter",
    "per_layer",
    "performance",
    "response",
    "responses",
    "summary",
]
