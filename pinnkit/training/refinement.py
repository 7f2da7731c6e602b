"""What replaces the blocks of a problem between stages, as cells refined by their residuals do."""

from __future__ import annotations

import abc
from collections.abc import Mapping

import numpy as np
from jax import Array

from .least_squares import LeastSquares

Arrays = Mapping[str, np.ndarray]


class AbstractRefinement(abc.ABC):
    """Blocks that follow from arrays, which are kept in the checkpoint, and from nothing else.

    So a run that is resumed has the blocks of the one that was stopped, however they came about.
    """

    @abc.abstractmethod
    def start(self) -> Arrays:
        """What the first blocks are made of."""

    @abc.abstractmethod
    def posed(self, state: Arrays) -> LeastSquares:
        """The problem with the blocks of a state, on the fields that training started from."""

    @abc.abstractmethod
    def measured(self, problem: LeastSquares, theta: Array, state: Arrays, iteration: int) -> Arrays:
        """The state with what is known of it after so many iterations; the blocks stay."""

    @abc.abstractmethod
    def refined(self, state: Arrays) -> Arrays:
        """The next state after one that was measured."""

    @abc.abstractmethod
    def figures(self, state: Arrays) -> dict[str, float]:
        """What the history keeps of a state."""

    @abc.abstractmethod
    def remarks(self, state: Arrays) -> tuple[str, ...]:
        """What the report should say of the last state."""
