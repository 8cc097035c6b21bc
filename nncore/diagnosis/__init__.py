"""Measurements -> why a run fails: flow, ledger of causes, verdicts, remedies, forensics, curvature."""

from nncore.diagnosis.divergence import Forensics, LargestGrowth, Turn, Turning, forensics, turning
from nncore.diagnosis.float_types import FLOAT_TYPES, precision, underflow
from nncore.diagnosis.flows import EXPLODED, VANISHED, Flow, flow, flow_of, initial_flow
from nncore.diagnosis.gradient_ledger import PARTS, ledger
from nncore.diagnosis.hessian import curvature, curvature_seconds, curvature_so_far, stability_line, without_line
from nncore.diagnosis.recorded_run import RECORDED_RULES, RecordedRule, RecordedVerdict, recorded_verdict
from nncore.diagnosis.remedy import (
    Outcome,
    Remedy,
    check_prediction,
    remedies,
    remedies_for,
    suggested_fork,
    suggestion_seconds,
    trial_seconds,
    tried_out,
)
from nncore.diagnosis.rules import CHARTS, RULES, Finding, Rule, Verdict, verdict
from nncore.diagnosis.snapshot import share_of_twins

__all__ = [
    "CHARTS",
    "EXPLODED",
    "FLOAT_TYPES",
    "PARTS",
    "RECORDED_RULES",
    "RULES",
    "VANISHED",
    "Finding",
    "Flow",
    "Forensics",
    "Outcome",
    "RecordedRule",
    "RecordedVerdict",
    "Remedy",
    "Rule",
    "LargestGrowth",
    "Turn",
    "Turning",
    "Verdict",
    "check_prediction",
    "curvature",
    "curvature_seconds",
    "curvature_so_far",
    "flow",
    "flow_of",
    "forensics",
    "initial_flow",
    "ledger",
    "precision",
    "recorded_verdict",
    "remedies",
    "remedies_for",
    "share_of_twins",
    "stability_line",
    "suggested_fork",
    "suggestion_seconds",
    "trial_seconds",
    "tried_out",
    "turning",
    "underflow",
    "verdict",
    "without_line",
]
