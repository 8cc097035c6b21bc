"""What signal propagation predicts at initialization: fixed points, criticality, layer curves, spectra."""

from nncore.theory.blocks import NormalizationGrowth, ResidualCurves, normalization_growth, residual_block
from nncore.theory.criticality import (
    CRITERIA,
    CriticalLine,
    CriticalPoint,
    critical_line,
    critical_point,
    critical_sigma_w2,
    pytorch_gain,
)
from nncore.theory.depth_and_gain import delta_lines
from nncore.theory.finite_width import NormSamples, accumulated_beta, layer_beta, sample_norms
from nncore.theory.hidden_jacobian import Spectrum, hidden_spectrum
from nncore.theory.kernels import Kernel, two_point
from nncore.theory.moments import Moments, gaussian_moments
from nncore.theory.of_config import Standing, first_q, predict_config, standing
from nncore.theory.prediction import Prediction, predict
from nncore.theory.propagation import (
    TRAINABLE_DEPTH,
    FixedPoint,
    PhaseDiagram,
    c_map,
    chi_1,
    chi_parallel,
    depth_scale,
    fixed_point,
    phase_diagram,
    q_map,
)
from nncore.theory.random_networks import Ensemble, make_ensemble
from nncore.theory.spectrum import gaussian_edge, jacobian, jacobian_singular_values, jacobian_variance

__all__ = [
    "CRITERIA",
    "TRAINABLE_DEPTH",
    "CriticalLine",
    "CriticalPoint",
    "Ensemble",
    "FixedPoint",
    "Kernel",
    "Moments",
    "NormSamples",
    "NormalizationGrowth",
    "PhaseDiagram",
    "Prediction",
    "ResidualCurves",
    "Spectrum",
    "Standing",
    "accumulated_beta",
    "c_map",
    "chi_1",
    "chi_parallel",
    "critical_line",
    "critical_point",
    "critical_sigma_w2",
    "delta_lines",
    "depth_scale",
    "first_q",
    "fixed_point",
    "gaussian_edge",
    "gaussian_moments",
    "hidden_spectrum",
    "jacobian",
    "jacobian_singular_values",
    "jacobian_variance",
    "layer_beta",
    "make_ensemble",
    "normalization_growth",
    "phase_diagram",
    "predict",
    "predict_config",
    "pytorch_gain",
    "q_map",
    "residual_block",
    "sample_norms",
    "standing",
    "two_point",
]
