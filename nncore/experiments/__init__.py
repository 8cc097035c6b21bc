"""Experiments to open with one click, each a claim that a test checks by training."""

from nncore.experiments.entries import BASE, EXPERIMENTS, TOPICS
from nncore.experiments.experiment import Experiment

__all__ = ["BASE", "EXPERIMENTS", "TOPICS", "Experiment"]
