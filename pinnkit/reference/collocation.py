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
from .linear import factorise
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


class Stages:
    """Solves the stage equations of one collocation method for one system."""

    def __init__(self, method: Collocation, assembler: Assembler, constraints: Constraints, saddle: bool):
        self.method, self.assembler, self.constraints, self.saddle = method, assembler, constraints, saddle
        self._rows = Rows(assembler.product, constraints.free)
        self.order = max(assembler.rates)
        self._matrices = None
        self._step = 0.0
        self._factors: list = []

    def linearise(self, time: float, states: tuple[Array, ...]) -> None:
        """Takes the derivatives at a state; the next solve factorises them."""
        free = self.constraints.free
        self._matrices = {
            r: m[free][:, free].tocsc() for r, m in self.assembler.jacobian(time, states).items()
        }
        self._step = 0.0

    def _prepare(self, step: float) -> None:
        """Factorises J + λC/h + λ²M/h² for the real λ and for one of the complex pair."""
        # Equal steps come out of subtractions that differ by rounding.
        if abs(step - self._step) <= 1e-12 * step:
            return
        matrices = self._matrices
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
        return self._matrices[1]

    def states(
        self, time: float, step: float, stages: Array, start: tuple[Array, ...]
    ) -> list[tuple[Array, ...]]:
        """(u, u̇, ü) at each stage, the rates by collocation, prescribed ones exactly."""
        levels = [stages]
        for rate in range(1, self.order + 1):
            levels.append(self.method.inverse @ (levels[-1] - start[rate - 1]) / step)
        for rate, level in enumerate(levels):
            for i, c in enumerate(self.method.c):
                level[i, self.constraints.fixed] = self.constraints.values(time + c * step, rate)
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
        moments = time + step * self.method.c
        with np.errstate(all="ignore"):
            residual = np.stack(
                [self.assembler.residual(t, s)[free] for t, s in zip(moments, states, strict=True)]
            )
        if not np.isfinite(residual).all():
            return None
        _, vectors, inverse = self.method.spectrum
        rotated = inverse[:2] @ residual
        real, complex_ = self._factors[0].solve(-rotated[0].real), self._factors[1].solve(-rotated[1])
        return np.outer(vectors[:, 0].real, real) + 2 * np.outer(vectors[:, 1], complex_).real

    def embedded(self, load: Array) -> Array:
        """(λ₀C/h + J)⁻¹ load on the free degrees of freedom."""
        return self._factors[0].solve(load)


def stuck(time: float) -> ReferenceUnavailable:
    """The complaint about a time beyond which no step succeeds."""
    return ReferenceUnavailable(
        f"finite elements: the time step shrank to nothing at t = {time:g}",
        reason="the solution blows up there or the equations are not well posed",
        mend="end the time interval earlier, or check signs and conditions",
    )
