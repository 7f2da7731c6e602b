"""Implicit collocation in time for R(t, u, u̇, ü) = 0 with sparse, possibly singular mass matrices.

Stage values are found by simplified Newton iterations in the eigenbasis of A⁻¹, so a step factorises one
real and one complex matrix of the size of the mesh (Hairer & Wanner 1996, §IV.8).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.sparse as sps

from .assembly import Array, Assembler
from .base import ReferenceUnavailable
from .constraints import Constraints
from .linear import LinearSolver, factorise
from .rows import Rows


@dataclass(frozen=True, eq=False)
class Collocation:
    """A collocation method on nodes c: A from exact integration of the Lagrange polynomials."""

    c: Array

    @cached_property
    def a(self) -> Array:
        """Runge–Kutta matrix A (s, s)."""
        s = len(self.c)
        powers = np.arange(1, s + 1)
        return (self.c[:, None] ** powers / powers) @ np.linalg.inv(np.vander(self.c, increasing=True))

    @cached_property
    def b(self) -> Array:
        """Weights b (s,)."""
        return (1 / np.arange(1, len(self.c) + 1)) @ np.linalg.inv(np.vander(self.c, increasing=True))

    @cached_property
    def inverse(self) -> Array:
        """A⁻¹."""
        return np.linalg.inv(self.a)

    @cached_property
    def spectrum(self) -> tuple[Array, Array, Array]:
        """Eigenvalues, eigenvectors and their inverse, of A⁻¹: the real one first, then a pair."""
        values, vectors = np.linalg.eig(self.inverse)
        order = np.argsort(np.abs(values.imag) + np.where(values.imag < 0, 1e3, 0))
        values, vectors = values[order], vectors[:, order]
        return values, vectors, np.linalg.inv(vectors)


_ROOT6 = np.sqrt(6.0)
RADAU = Collocation(np.array([(4 - _ROOT6) / 10, (4 + _ROOT6) / 10, 1.0]))
GAUSS = Collocation(0.5 + np.sqrt(15.0) / 10 * np.array([-1.0, 0.0, 1.0]))


# Corrections below this part of the solution are rounding.
_ROUNDING = 1e-13
_NOTHING = 1e-250


class Stages:
    """Solves the stage equations of one collocation method for one system.

    ``matrices`` (rate → ∂R/∂(∂ₜ^rate u)) are on the free degrees of freedom, from the last ``linearise``.
    Data are asked for within ``window`` only, so that a stage at its end sees them before a jump.
    """

    def __init__(self, method: Collocation, assembler: Assembler, constraints: Constraints, saddle: bool):
        self.method, self.assembler, self.constraints, self.saddle = method, assembler, constraints, saddle
        self._rows = Rows(assembler.product, constraints.free)
        self.order = max(assembler.rates)
        self.window = (-np.inf, np.inf)
        self.matrices = None
        self._step = 0.0
        self._factors: list = []

    def moment(self, time: float) -> float:
        """The time at which data are asked for."""
        return float(np.clip(time, *self.window))

    def linearise(self, time: float, states: tuple[Array, ...]) -> None:
        """Takes the derivatives at a state; the next solve factorises them."""
        free = self.constraints.free
        self.matrices = {
            r: m[free][:, free].tocsc() for r, m in self.assembler.jacobian(self.moment(time), states).items()
        }
        self._step = 0.0

    def _prepare(self, step: float) -> None:
        """Factorises J + λC/h + λ²M/h² for the real λ and for one of the complex pair."""
        # Equal steps come out of subtractions that differ by rounding.
        if abs(step - self._step) <= 1e-12 * step:
            return
        matrices = self.matrices
        self._factors = []
        for value in self.method.spectrum[0][:2]:
            z = value.real if abs(value.imag) < 1e-12 else value
            self._factors.append(
                factorise(sum((z / step) ** r * m for r, m in matrices.items()), self.saddle, self._rows)
            )
        self._step = step

    @property
    def mass(self) -> sps.spmatrix:
        """∂R/∂u̇ on the free degrees of freedom."""
        return self.matrices[1]

    def states(
        self, time: float, step: float, stages: Array, start: tuple[Array, ...]
    ) -> list[tuple[Array, ...]]:
        """(u, u̇, ü) at each stage, the rates by collocation, prescribed ones exactly."""
        levels = [stages]
        for rate in range(1, self.order + 1):
            levels.append(self.method.inverse @ (levels[-1] - start[rate - 1]) / step)
        for rate, level in enumerate(levels):
            for i, c in enumerate(self.method.c):
                level[i, self.constraints.fixed] = self.constraints.values(self.moment(time + c * step), rate)
        return [tuple(level[i] for level in levels) for i in range(len(self.method.c))]

    def solve(
        self,
        time: float,
        step: float,
        guess: Array,
        start: tuple[Array, ...],
        norm: Callable[[Array], float],
        tolerance: float,
        most: int,
    ) -> tuple[list[tuple[Array, ...]] | None, int]:
        """(u, u̇, ü) at the stages, or None where the iteration does not contract; and the iterations used."""
        self._prepare(step)
        free = self.constraints.free
        stages = guess.copy()
        previous = contraction = None
        for iteration in range(1, most + 1):
            correction = self._correction(time, step, self.states(time, step, stages, start))
            if correction is None:
                return None, iteration
            stages[:, free] += correction
            if self.assembler.constant_jacobian:
                break
            full = np.zeros_like(stages)
            full[:, free] = correction
            length = max(norm(row) for row in full)
            if previous:
                contraction = length / previous
            previous = length
            if length < _ROUNDING:
                break
            if contraction is None:
                continue
            if contraction >= 1:
                return None, iteration
            left = contraction / (1 - contraction) * length
            if left < tolerance:
                break
            if contraction ** (most - iteration) * left > tolerance:
                return None, iteration
        else:
            return None, most
        return self.states(time, step, stages, start), iteration

    def _correction(self, time: float, step: float, states: list[tuple[Array, ...]]) -> Array | None:
        """Newton's correction (s, free) of the stage values; None where the residual is not finite."""
        free = self.constraints.free
        moments = np.clip(time + step * self.method.c, *self.window)
        with np.errstate(all="ignore"):
            residual = np.stack(
                [self.assembler.residual(t, s)[free] for t, s in zip(moments, states, strict=True)]
            )
        if not np.isfinite(residual).all():
            return None
        _, vectors, inverse = self.method.spectrum
        rotated = inverse[:2] @ residual
        try:
            real, complex_ = (
                _solved(self._factors[0], -rotated[0].real),
                _solved(self._factors[1], -rotated[1]),
            )
        except RuntimeError:
            return None
        return np.outer(vectors[:, 0].real, real) + 2 * np.outer(vectors[:, 1], complex_).real

    def euler(self, time: float, step: float, states: tuple[Array, ...]) -> Array | None:
        """Newton's correction (free,) of a step of Euler's implicit method; None where it cannot be had."""
        self.linearise(time, states)
        free, moment = self.constraints.free, self.moment(time)
        residual = self.assembler.residual(moment, states)[free]
        if not np.isfinite(residual).all():
            return None
        matrix = self.matrices[0] + self.matrices[1] / step
        return _solved(factorise(matrix, self.saddle, self._rows), -residual)

    def embedded(self, load: Array) -> Array:
        """(λ₀C/h + J)⁻¹ load on the free degrees of freedom."""
        return _solved(self._factors[0], load)


def _solved(solver: LinearSolver, load: Array) -> Array:
    """The solution for a load; one near the smallest numbers, whose digits are gone, counts as none."""
    return solver.solve(load) if np.abs(load).max(initial=0.0) > _NOTHING else np.zeros_like(load)


def stuck(time: float) -> ReferenceUnavailable:
    """The complaint about a time beyond which no step succeeds."""
    return ReferenceUnavailable(
        f"finite elements: no step in time succeeds beyond t = {time:g}",
        reason="the solution blows up there or the equations are not well posed",
        mend="end the time interval earlier, or check signs and conditions",
    )
