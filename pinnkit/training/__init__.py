"""Least-squares problems, their optimisers, and the one loop that runs them."""

from .checkpoint import Stage
from .least_squares import Block, LeastSquares
from .loop import Callbacks, Progress, TrainingInterrupted, TrainResult, train
from .schedule import OPTIMISERS, read_schedule

__all__ = [
    "OPTIMISERS",
    "Block",
    "Callbacks",
    "LeastSquares",
    "Progress",
    "Stage",
    "TrainResult",
    "TrainingInterrupted",
    "read_schedule",
    "train",
]
