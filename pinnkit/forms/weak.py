"""Weak form in space, what finite elements assemble: −∫ F·∇v + ∮ F·n v + ∫ S v = 0 for all v.

F and S hold derivatives of at most first order in space. Second-order terms are peeled into F, a declared
divergence is kept as written (its natural condition depends on it), a pressure gradient goes to F as p
itself; all else, convection and time derivatives included, stays in S. F·n on a boundary is what the
conditions there make of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy as sp

from ..declare.conditions import Initial, InitialRate, Periodic, PointValue
from ..declare.problem import Problem
from .boundary import EssentialTerm, NaturalTerm, boundary_terms
from .errors import FormUnavailable
from .jets import Jet, Jets, JetSymbol, jets_in
from .pairing import paired_unknowns
from .peel import Peel, vanishes
from .states import almost_everywhere, jumps
from .unsettled import refuse_unsettled


@dataclass(frozen=True)
class WeakEquation:
    """F over the coordinates and S of one equation, tested with functions v of the unknown ``test``."""

    name: str
    test: str
    flux: tuple[sp.Expr, ...]
    source: sp.Expr

    @property
    def jets(self) -> tuple[Jet, ...]:
        """All jets of F and S."""
        return jets_in(*self.flux, self.source)


@dataclass(frozen=True)
class InitialTerm:
    """∂ₜ^order of an unknown at the start of time."""

    unknown: str
    order: int
    value: sp.Expr


@dataclass(frozen=True)
class WeakForm:
    """Equations, boundary integrands, and what the spaces and the start impose.

    On a pair (equation, boundary) in ``free`` no condition was declared: F·n = 0 there. ``idle`` are
    (statement, boundary) that were declared and that this form has no place for.
    """

    coordinates: tuple[sp.Symbol, ...]
    equations: tuple[WeakEquation, ...]
    natural: tuple[NaturalTerm, ...]
    essential: tuple[EssentialTerm, ...]
    points: tuple[PointValue, ...]
    periodic: tuple[sp.Symbol, ...]
    initial: tuple[InitialTerm, ...]
    free: tuple[tuple[str, str], ...]
    idle: tuple[tuple[str, str], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What holds on boundaries about which nothing was said, in words."""
        return tuple(f"{equation} on {where}: no condition, so F·n = 0" for equation, where in self.free)


def weak_form(problem: Problem) -> WeakForm:
    """The weak form of all equations with their boundary and initial terms, in jets.

    Raises ``FormUnavailable`` for derivatives of third or higher order in space, second-order terms that
    are no divergence, and conditions that no weak form of this kind takes.
    """
    jets = Jets(problem)
    residuals = [jets.to_jets(e.residual) for e in problem.equations]
    tests = paired_unknowns(residuals, jets)
    equations = tuple(_equation(position, test, residuals, jets) for position, test in enumerate(tests))
    terms = boundary_terms(jets, {e.name: (e.test, e.flux) for e in equations})
    for equation, where in [*((n.equation, n.where) for n in terms.natural), *terms.free]:
        refuse_unsettled(jets, equation, where)
    return WeakForm(
        problem.coordinates,
        equations,
        terms.natural,
        terms.essential,
        problem.of_kind(PointValue),
        tuple(c.coordinate for c in problem.of_kind(Periodic)),
        _initial(jets),
        terms.free,
        terms.idle,
    )


def linearise(*expressions: sp.Expr) -> tuple[dict[Jet, sp.Expr], ...]:
    """Derivatives of each expression by its jets, those that vanish left out.

    Distributions (the derivative of a jump) count as zero: they hold at isolated states only.
    """
    found = []
    for expression in expressions:
        slopes = {s.jet: almost_everywhere(sp.diff(expression, s)) for s in expression.atoms(JetSymbol)}
        found.append({jet: slopes[jet] for jet in sorted(slopes) if slopes[jet] != 0})
    return tuple(found)


def _equation(position: int, test: str, residuals: list[sp.Expr], jets: Jets) -> WeakEquation:
    declared, residual = jets.problem.equations[position], residuals[position]
    highest = max((jets.space_order(j) for j in jets_in(residual)), default=0)
    if highest > 2:
        raise FormUnavailable(
            f"the weak form of equation {declared.name!r}",
            reason=f"it has derivatives of order {highest} in space, conforming elements take two",
            mend="introduce an unknown for a derivative, such as w = laplacian(u), with its own equation",
        )
    peel = Peel(jets, jets.space)
    peel.declare(declared.residual)
    written = tuple(peel.flux)
    peel.peel(least=2)
    _refuse_jumps(declared.name, peel, written)
    if peel.ranked(peel.stuck, 2):
        raise FormUnavailable(
            f"the weak form of equation {declared.name!r}",
            reason=f"{peel.stuck} is of second order and no divergence",
            mend="declare it as a divergence: div(flux)",
        )
    if _is_constraint(peel, residual, test):
        return WeakEquation(declared.name, test, (sp.S.Zero,) * len(jets.space), residual)
    for unknown in _pressures(peel, test, residuals):
        peel.move_gradient(unknown)
    flux, source = tuple(peel.flux), peel.source
    if not vanishes(residual - jets.divergence(flux) - source):
        raise FormUnavailable(
            f"the weak form of equation {declared.name!r}",
            reason="the derived form does not expand back to the equation",
            mend="declare the divergence: Derivative(flux, x) or div(flux)",
        )
    return WeakEquation(declared.name, test, flux, source)


def _refuse_jumps(name: str, peel: Peel, written: tuple[sp.Expr, ...]) -> None:
    """A Δu and div(a ∇u) differ by the jump of a, which no function of x carries."""
    for own, declared in zip(peel.flux, written, strict=True):
        if (jump := jumps(own - declared, peel.jets)) is not None:
            raise FormUnavailable(
                f"the weak form of equation {name!r}",
                reason=f"{jump} jumps and stands before second derivatives: the flux is not told",
                mend="write div(a*grad(u)) if the flux is continuous there, else divide the equation by it",
            )


def _is_constraint(peel: Peel, residual: sp.Expr, test: str) -> bool:
    """Whether an equation is of first order and without its own unknown, as div u = 0 tested with pressures.

    It has no natural condition: its divergence is assembled as it is.
    """
    jets = jets_in(residual)
    return all(j.unknown != test for j in jets) and all(peel.rank(j) < 2 for j in jets)


def _pressures(peel: Peel, test: str, residuals: list[sp.Expr]) -> list[str]:
    """Unknowns whose gradient acts like a pressure's beside a viscous flux.

    They have no second derivatives and no time derivative anywhere, and here a gradient with
    coefficients free of unknowns.
    """
    jets = peel.jets
    if not any(peel.rank(j) for j in jets_in(*peel.flux)):
        return []
    everywhere = jets_in(*residuals)
    diffusing = {j.unknown for j in everywhere if jets.space_order(j) > 1 or jets.time_order(j)}
    candidates = {s.jet.unknown for s in peel.ranked(peel.rest, 1)} - diffusing - {test}
    return sorted(
        name for name in candidates
        if all(
            not peel.ranked(slope, 0) and jets.space_order(symbol.jet) == 1
            for symbol in peel.ranked(peel.rest, 1) if symbol.jet.unknown == name
            for slope in [sp.diff(peel.rest, symbol)]
        )
    )  # fmt: skip


def _initial(jets: Jets) -> tuple[InitialTerm, ...]:
    return tuple(
        InitialTerm(c.unknown.func.__name__, int(isinstance(c, InitialRate)), jets.to_jets(c.value))
        for c in jets.problem.of_kind(Initial, InitialRate)
    )
