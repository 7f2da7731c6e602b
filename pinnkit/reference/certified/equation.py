"""The equation that a solution's error solves, whose right-hand side is the solution's own residual.

For R = div F + S with F = −σ A∇u + …, S = σ (c u − f), G what the conditions make of F·n, and σ = ±1:
e = u − u_h has ∫ A∇e·∇v + c e v + ∮ β e v = −σ ∫ r v − σ ∮ γ v for all v that vanish where u is prescribed,
with β = σ ∂G/∂u, the strong residual r = R(u_h) and that of natural conditions γ = G(u_h) − F(u_h)·n.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import sympy as sp

from ...declare.problem import Problem
from ...forms.classify import Classification, classify
from ...forms.emit import Emitted, emit
from ...forms.errors import FormUnavailable
from ...forms.jets import Jets, JetSymbol
from ...forms.states import jumps, values_at_states
from ...forms.weak import WeakForm, weak_form
from ..base import ReferenceUnavailable
from ..elements import Array

# A network is compiled for every new number of points, and the longer the more they are.
_CHUNK = 2048
_DIMENSIONS = (1, 2, 3)


class Candidate(Protocol):
    """A solution as certificates see it: values and derivatives at points."""

    @property
    def problem(self) -> Problem:
        """What it claims to solve."""
        ...

    def derivatives(
        self, points: Array, indices: Sequence[tuple[int, ...]], extrapolate: bool = False
    ) -> Mapping[str, Array]:
        """∂^α of each unknown (n, len(indices)) at points (n, d)."""
        ...


@dataclass(frozen=True, eq=False)
class Natural:
    """On one boundary: β, σ γ and σ F·n, as expressions."""

    beta: sp.Expr
    residual: sp.Expr
    outward: sp.Expr


@dataclass(frozen=True, eq=False)
class ErrorEquation:
    """Coefficients and residuals as expressions in coordinates, normals and jets of the one unknown.

    ``matrix`` is A (d·d entries, row by row), ``reaction`` c, ``residual`` σ r, ``flux`` σ F and
    ``divergence`` σ div F; ``natural`` and ``essential`` (the prescribed value) go by boundary name.
    """

    problem: Problem
    unknown: str
    matrix: tuple[sp.Expr, ...]
    reaction: sp.Expr
    residual: sp.Expr
    flux: tuple[sp.Expr, ...]
    divergence: sp.Expr
    natural: Mapping[str, Natural]
    essential: Mapping[str, sp.Expr]

    @property
    def dimension(self) -> int:
        """Number of space coordinates."""
        return len(self.problem.coordinates)

    @cached_property
    def indices(self) -> tuple[tuple[int, ...], ...]:
        """Multi-indices of the derivatives up to order two: the value, the slopes, the rest."""
        unit = np.eye(self.dimension, dtype=int)
        second = [unit[i] + unit[j] for i in range(self.dimension) for j in range(i, self.dimension)]
        return tuple(tuple(map(int, row)) for row in (0 * unit[0], *unit, *second))

    @cached_property
    def jumps(self) -> bool:
        """Whether data or the reaction jump, where no rule of quadrature is sure of its own error."""
        jets = Jets(self.problem)
        slanted = dict.fromkeys(jets.normals, sp.Float(0.6))
        data = [e.xreplace(slanted) for n in self.natural.values() for e in (n.beta, n.residual)]
        return any(jumps(e, jets) is not None for e in (self.reaction, self.residual, *data))

    @cached_property
    def _arguments(self) -> list[sp.Symbol]:
        jets = Jets(self.problem)
        zero = jets.zero(self.unknown)
        symbols = [jets.symbol(type(zero)(self.unknown, index)) for index in self.indices]
        return [*self.problem.coordinates, *jets.normals, *symbols]

    @cached_property
    def _inside(self) -> Emitted:
        expressions = (*self.matrix, self.reaction, self.residual, *self.flux, self.divergence)
        return emit(expressions, self._arguments, np)

    @cached_property
    def _on_natural(self) -> Mapping[str, Emitted]:
        return {
            name: emit((n.beta, n.residual, n.outward), self._arguments, np)
            for name, n in self.natural.items()
        }

    @cached_property
    def _prescribed(self) -> Mapping[str, Emitted]:
        return {name: emit((value,), self._arguments, np) for name, value in self.essential.items()}

    def jets_of(self, candidate: Candidate, points: Array) -> Array:
        """The derivatives (n, len(indices)) of a solution at points (n, d)."""
        padded = np.concatenate([points, np.repeat(points[-1:], -len(points) % _CHUNK, axis=0)])
        # Points of a mesh that covers the domain lie in it, the last digit apart.
        starts = range(0, len(padded), _CHUNK)
        try:
            parts = [
                candidate.derivatives(padded[start : start + _CHUNK], self.indices, extrapolate=True)
                for start in starts
            ]
        except ValueError as cause:
            raise unavailable(self.problem, f"derivatives are needed: {cause}") from cause
        found = np.concatenate([np.asarray(part[self.unknown], float) for part in parts])[: len(points)]
        if not np.isfinite(found).all():
            raise unavailable(self.problem, "the solution or its derivatives are not finite somewhere")
        return found

    def inside(self, points: Array, jets: Array) -> list[Array]:
        """A (d·d entries), c, σ r, σ F (d entries) and σ div F at points (n, d), each (n,)."""
        return list(self._inside(*points.T, *np.zeros_like(points).T, *jets.T))

    def on_natural(self, name: str, points: Array, normals: Array, jets: Array) -> list[Array]:
        """β, σ γ and σ F·n at points (n, d) of a boundary, each (n,)."""
        return list(self._on_natural[name](*points.T, *normals.T, *jets.T))

    def mismatch(self, name: str, points: Array, normals: Array, jets: Array) -> Array:
        """u_h less the prescribed value at points (n, d) of a boundary."""
        return jets[:, 0] - self._prescribed[name](*points.T, *normals.T, *jets.T)[0]


def unavailable(problem: Problem, reason: str, mend: str = "") -> ReferenceUnavailable:
    """The refusal of a certified error."""
    return ReferenceUnavailable(
        f"no certified error for {problem.name}",
        reason=reason,
        mend=mend or "judge it against a reference: fem, exact or data",
    )


def error_equation(problem: Problem) -> ErrorEquation:
    """The equation of the error, for a problem that is steady, linear, symmetric, coercive and scalar.

    Raises ``ReferenceUnavailable`` with the reason for others.
    """
    _refuse_kind(problem)
    try:
        _refuse_class(problem, classify(problem))
        found = _coefficients(problem, weak_form(problem))
    except FormUnavailable as cause:
        raise unavailable(problem, f"it has no weak form: {cause.what}", cause.mend) from cause
    jets = Jets(problem)
    if any(jumps(entry, jets) is not None for entry in found.matrix):
        raise unavailable(problem, "its diffusion coefficient jumps, and residuals do not see what jumps")
    return found


def _refuse_kind(problem: Problem) -> None:
    if problem.time is not None:
        raise unavailable(problem, "it is transient, and energy errors are bounded for steady problems")
    if len(problem.coordinates) not in _DIMENSIONS:
        raise unavailable(problem, "it has more than three space coordinates")
    sought = [str(f) for f in problem.inferred] + [p.name for p in problem.parameters if p.infer]
    if sought:
        raise unavailable(problem, f"{', '.join(sought)} is to be found from data")
    if len(problem.solved) != 1:
        raise unavailable(problem, f"it has {len(problem.solved)} unknowns, and one is done")
    if problem.periodic:
        raise unavailable(problem, "it is periodic")


def _refuse_class(problem: Problem, kind: Classification) -> None:
    if not kind.linear:
        raise unavailable(problem, f"it is {kind.linearity}, not linear")
    for holds, word in ((kind.symmetric, "symmetric"), (kind.coercive, "coercive")):
        if not holds:
            known = "not" if holds is False else "not known to be"
            raise unavailable(problem, f"its weak form is {known} {word}")


def _coefficients(problem: Problem, form: WeakForm) -> ErrorEquation:
    jets, weak = Jets(problem), form.equations[0]
    zero = jets.zero(weak.test)
    value = jets.symbol(zero)
    slopes = [jets.symbol(zero.raised(i)) for i in jets.space]
    numbers = {p: sp.Float(p.value, 17) for p in problem.parameters}

    def number(expression: sp.Expr) -> sp.Expr:
        return sp.sympify(expression).xreplace(numbers)

    drift = [sp.diff(f, value) for f in weak.flux] + [sp.diff(weak.source, p) for p in slopes]
    if any(sp.simplify(d) != 0 for d in drift):
        raise unavailable(problem, "its weak form has terms of first order")
    stiffness = [-sp.diff(f, p) for f in weak.flux for p in slopes]
    trace = sp.Add(*stiffness[:: len(slopes) + 1])
    sign = int(np.sign(values_at_states([trace], jets, 1)[0, 0])) or 1
    divergence = jets.divergence(weak.flux)
    outward = sp.Add(*(n * f for n, f in zip(jets.normals, weak.flux, strict=True)))
    given = {n.where: n.flux for n in form.natural} | {where: sp.S.Zero for _, where in form.free}
    if any(symbol in flux.atoms(JetSymbol) for flux in given.values() for symbol in slopes):
        raise unavailable(problem, "a boundary condition holds slopes along the boundary")
    natural = {
        where: Natural(
            number(sign * sp.diff(flux, value)), number(sign * (flux - outward)), number(sign * outward)
        )
        for where, flux in given.items()
    }
    return ErrorEquation(
        problem=problem,
        unknown=weak.test,
        matrix=tuple(number(sign * a) for a in stiffness),
        reaction=number(sign * sp.diff(weak.source, value)),
        residual=number(sign * (divergence + weak.source)),
        flux=tuple(number(sign * f) for f in weak.flux),
        divergence=number(sign * divergence),
        natural=natural,
        essential={e.where: number(e.value) for e in form.essential},
    )
