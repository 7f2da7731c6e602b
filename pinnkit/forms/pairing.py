"""Which unknown's test functions multiply which equation."""

from __future__ import annotations

import sympy as sp

from ..declare import conditions as declared
from .jets import Jet, Jets, jets_in

# Where both ends of a boundary statement fall apart, nothing else counts.
_CLASH = -1000.0
# A time derivative settles it, then second derivatives, pure ones first (in elasticity u_xx and u_yy weigh
# more than v_xy); an unknown that does not occur comes last, save for a pressure in the continuity equation.
_TIME, _PURE, _MIXED, _CONSTRAINT, _LOW, _ABSENT = 50.0, 10.0, 3.0, 5.0, 0.5, -1.0


def paired_unknowns(residuals: list[sp.Expr], jets: Jets) -> tuple[str, ...]:
    """One solved unknown for each equation, such that principal parts fall on the diagonal.

    The assignment of greatest total weight; ties go to the order of declaration. On a clamped plate, with
    m = Δu and Δm = f, value and slope of u decide: m = Δu is tested with m, for it takes the slope in.
    """
    from scipy.optimize import linear_sum_assignment

    names = [f.func.__name__ for f in jets.problem.solved]
    statements = _statements(jets)
    pressures = _known_by_gradient(residuals, jets)
    weights = [
        [
            _weight(residual, name, jets)
            + _CONSTRAINT * (name in pressures and _is_constraint(residual, name, jets))
            + _CLASH * _clashes(equation.name, residual, name, jets, statements)
            - 0.01 * abs(row - column)
            for column, name in enumerate(names)
        ]
        for row, (equation, residual) in enumerate(zip(jets.problem.equations, residuals, strict=True))
    ]
    _, columns = linear_sum_assignment(weights, maximize=True)
    return tuple(names[column] for column in columns)


def _weight(residual: sp.Expr, name: str, jets: Jets) -> float:
    found = [jet for jet in jets_in(residual) if jet.unknown == name]
    return sum(_contribution(jet, jets) for jet in found) if found else _ABSENT


def _contribution(jet: Jet, jets: Jets) -> float:
    if jets.time_order(jet):
        return _TIME
    if jets.space_order(jet) < 2:
        return _LOW
    return _PURE if max(jet.index) == jets.space_order(jet) else _MIXED


def _known_by_gradient(residuals: list[sp.Expr], jets: Jets) -> set[str]:
    """Unknowns that occur through first derivatives in space only, as a pressure does."""
    found = jets_in(*residuals)
    loose = {j.unknown for j in found}
    return loose - {j.unknown for j in found if jets.space_order(j) != 1 or jets.time_order(j)}


def _is_constraint(residual: sp.Expr, name: str, jets: Jets) -> bool:
    """Whether an equation is a divergence: first derivatives of unknowns other than ``name`` and no more."""
    found = jets_in(residual)
    return all(j.unknown != name and jets.space_order(j) == 1 and not jets.time_order(j) for j in found)


class _Statements:
    """What is said on one named boundary: unknowns with a value, with a slope, equations with a flux."""

    def __init__(self, where: str, jets: Jets):
        self.fixed: set[str] = set()
        self.sloped: set[str] = set()
        self.fluxes: set[str] = set()
        for condition in jets.problem.conditions:
            if getattr(condition, "where", None) in (where, "boundary"):
                self._take(condition, jets)

    def _take(self, condition: declared.AnyCondition, jets: Jets) -> None:
        if isinstance(condition, declared.Dirichlet):
            self.fixed.add(condition.unknown.func.__name__)
        elif isinstance(condition, declared.Neumann | declared.Robin):
            self.sloped.add(condition.unknown.func.__name__)
        elif isinstance(condition, declared.Flux):
            self.fluxes.add(condition.equation)
        elif isinstance(condition, declared.Condition):
            found = jets_in(jets.to_jets(condition.expression))
            slopes = {j.unknown for j in found if jets.space_order(j)}
            self.sloped |= slopes
            if not slopes and len(found) == 1:
                self.fixed.add(found[0].unknown)


def _statements(jets: Jets) -> list[_Statements]:
    return [_Statements(where, jets) for where in jets.problem.domain.boundary_names]


def _clashes(equation: str, residual: sp.Expr, test: str, jets: Jets, statements: list[_Statements]) -> int:
    """On how many boundaries an equation tested with ``test`` loses a flux that is given, or lacks one.

    Where ``test`` is fixed its functions vanish, and a flux that is given is lost: that of the equation, or
    the slope of an unknown whose value is given too. Where it is not fixed, the flux must be known; of
    unknowns whose values alone are given it is not.
    """
    diffusing = {j.unknown for j in jets_in(residual) if jets.space_order(j) >= 2}
    count = 0
    for said in statements:
        if test in said.fixed:
            count += equation in said.fluxes or bool(diffusing & said.sloped & said.fixed)
        elif diffusing and equation not in said.fluxes:
            count += diffusing <= said.fixed and not diffusing & said.sloped
    return count
