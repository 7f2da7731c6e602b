"""Coefficients by region tied to the domain of a problem, whose regions must make it up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from ..geometry.errors import did_you_mean
from ..geometry.mesh_file import MeshFile
from .conditions import describe
from .errors import DeclarationError
from .problem import Equation, Problem, condition_expressions
from .regions import Region, in_region


def bound_equations(problem: Problem) -> tuple[Equation, ...]:
    """The equations with functions of the domain's regions in the place of their symbols.

    Raises ``DeclarationError`` where the domain has no such regions, they do not make it up, or they stand
    in what is no equation.
    """
    for what, expression, place in _elsewhere(problem):
        if expression.has(Region):
            raise DeclarationError(
                f"{what} holds a coefficient by region", expected="by_region in equations alone",
                mend="write it by coordinates, with Piecewise", place=place,
            )  # fmt: skip
    symbols = {s for e in problem.equations for side in (e.lhs, e.rhs) for s in side.atoms(Region)}
    for regions in sorted({symbol.regions for symbol in symbols}):
        _check(problem.domain, regions)
    bound = {s: in_region(problem.domain, s.region, s.regions)(*problem.coordinates) for s in symbols}
    return tuple(
        replace(e, lhs=e.lhs.xreplace(bound), rhs=e.rhs.xreplace(bound)) if symbols else e
        for e in problem.equations
    )


def _elsewhere(problem: Problem) -> Iterator[tuple[str, sp.Expr, Any]]:
    for condition in problem.conditions:
        for expression in condition_expressions(condition):
            yield describe(condition), expression, condition.place
    for name, expression in (problem.exact or {}).items():
        yield f"exact {name}", expression, None
    for quantity in problem.quantities:
        yield f"quantity {quantity.name!r}", quantity.expression, quantity.place


def _check(domain: Any, regions: tuple[str, ...]) -> None:
    if not isinstance(domain, MeshFile) or not domain.subdomains:
        raise DeclarationError(
            f"by_region: the domain has no regions {', '.join(map(repr, regions))}",
            expected="a mesh file with groups of cells", section="equations",
            mend="give the domain as such a file, or the coefficient as a Piecewise",
        )  # fmt: skip
    for name in regions:
        if name not in domain.subdomains:
            raise DeclarationError(
                f"by_region: there is no region {name!r}",
                expected=f"one of {', '.join(domain.subdomains)}", section="equations",
                mend=did_you_mean(name, domain.subdomains),
            )  # fmt: skip
    columns = [domain.regions.names.index(name) for name in regions]
    count = domain.regions.members[:, columns].sum(axis=1)
    measures = domain.simplices.cell_measures
    for wrong, what in ((count == 0, "in none"), (count > 1, "in more than one")):
        if np.any(wrong):
            share = measures[wrong].sum() / measures.sum()
            raise DeclarationError(
                f"by_region: {share:.1%} of the domain is {what} of {', '.join(map(repr, regions))}",
                expected="regions that make up the domain", section="equations",
                mend=f"give a value for each of {', '.join(domain.subdomains)} that is needed, and no other",
            )  # fmt: skip
