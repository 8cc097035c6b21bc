"""Labelled runs, sick and well, and how often the diagnosis is right about them: `python -m nncore.clinic`."""

from nncore.clinic.case import Case
from nncore.clinic.cases import CASES, SICK, WELL
from nncore.clinic.examination import Examined, Rates, examined, rates

__all__ = ["CASES", "SICK", "WELL", "Case", "Examined", "Rates", "examined", "rates"]
