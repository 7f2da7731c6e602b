"""Which unknown's test functions multiply which equation."""

from __future__ import annotations

import sympy as sp

from .jets import Jet, Jets, jets_in

# A time derivative settles it, then second derivatives, pure ones first (in elasticity u_xx and u_yy weigh
# more than v_xy); an unknown that does not occur comes last (a pressure in the continuity equation).
_TIME, _PURE, _MIXED, _LOW, _ABSENT = 50.0, 10.0, 3.0, 0.5, -1.0


def paired_unknowns(residuals: list[sp.Expr], jets: Jets) -> tuple[str, ...]:
    """One solved unknown for each equation, such that principal parts fall on the diagonal.

    The assignment of greatest total weight; ties go to the order of declaration.
    """
    from scipy.optimize import linear_sum_assignment

    names = [f.func.__name__ for f in jets.problem.solved]
    weights = [
        [_weight(residual, name, jets) - 0.01 * abs(row - column) for column, name in enumerate(names)]
        for row, residual in enumerate(residuals)
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
