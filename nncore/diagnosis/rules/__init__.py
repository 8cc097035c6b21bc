"""Rules over measurements: what is wrong, by which number, in which layers, and which chart proves it."""

from nncore.diagnosis.rules import causes, gradient, outcomes  # their rules enter RULES in this order
from nncore.diagnosis.rules.rule import CHARTS, KINDS, RULES, Finding, Rule
from nncore.diagnosis.rules.verdicts import Verdict, findings, judge, verdict

__all__ = [
    "CHARTS",
    "KINDS",
    "RULES",
    "Finding",
    "Rule",
    "Verdict",
    "causes",
    "findings",
    "gradient",
    "judge",
    "outcomes",
    "verdict",
]
