"""Least-squares problems, their optimisers, and the one loop that runs them."""

from .checkpoint import Stage
from .least_squares import Block, LeastSquares
from .loop import Callbacks, Progress, TrainingInterrupted, TrainResult, train
from .refinement import AbstractRefinement
from .rules import WEIGHTINGS, read_weighting
from .schedule import OPTIMISERS, read_schedule
from .weighting import AbstractRule

__all__ = [
    "OPTIMISERS",
    "WEIGHTINGS",
    "AbstractRefinement",
    "AbstractRule",
    "Block",
    "Callbacks",
    "LeastSquares",
    "Progress",
    "Stage",
    "TrainResult",
    "TrainingInterrupted",
    "read_schedule",
    "read_weighting",
    "train",
]
