"""Fluxes by the equations: against exact ones, and not where they do not apply."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.integrals import discrete_value
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.reactions import Reactions

from .problems import u, x, y

RING = pk.Disk((0, 0), 1, name="outer") - pk.Disk((0, 0), 0.3, name="inner")
SLOPE = sum(sp.diff(u, c) * pk.normal(c) for c in (x, y))
# u = ln r: through any circle ∮ ∂u/∂n = ±2π.
EXACT = sp.log(x**2 + y**2) / 2


def ring(*quantities: pk.Quantity, where: str = "inner") -> pk.Problem:
    """−∇·(2∇u) = 0 between two circles, with the slope given on the other one."""
    other = {"inner": "outer", "outer": "inner"}[where]
    return pk.Problem(
        name="ring", domain=RING, equations=[sp.Eq(-2 * pk.laplacian(u), 0)],
        conditions=[
            pk.Dirichlet(u, EXACT, where=where),
            pk.Neumann(u, {"outer": 1, "inner": -1 / sp.Rational(3, 10)}[other], where=other),
        ],
        quantities=quantities,
    )  # fmt: skip


def solved(problem: pk.Problem) -> DiscreteField:
    return Discretisation(derive(problem), Meshes(problem.domain, 2).first(0.25), 2).solve()


def test_the_flux_is_far_better_than_by_derivatives():
    quantity = pk.Quantity("heat", -4 * SLOPE, over="inner")
    problem = ring(quantity)
    solution, exact = solved(problem), 8 * np.pi
    found = Reactions(problem).value(quantity, solution)
    assert found is not None
    by_equations = abs(found - exact)
    by_derivatives = abs(discrete_value(problem, quantity, solution) - exact)
    assert by_equations <= 1e-4 * exact
    assert by_equations <= 0.05 * by_derivatives


@pytest.mark.parametrize(
    "quantity",
    [
        pk.Quantity("squared", SLOPE**2, over="inner"),
        pk.Quantity("weighted", x * SLOPE, over="inner"),
        pk.Quantity("value", u, over="inner"),
        pk.Quantity("mean", SLOPE, over="inner", mean=True),
        pk.Quantity("free", SLOPE, over="outer"),
        pk.Quantity("inside", u, over="domain"),
        pk.Quantity("place", u, at=(0.5, 0.0)),
    ],
    ids=lambda q: q.name,
)
def test_what_is_no_flux_of_an_equation_is_left_to_quadrature(quantity):
    problem = ring(quantity)
    assert Reactions(problem).value(quantity, solved(problem)) is None


def test_a_boundary_that_ends_at_others_is_left_to_quadrature():
    quantity = pk.Quantity("heat", SLOPE, over="left")
    problem = pk.Problem(
        name="slab", domain=pk.Rectangle((0, 0), (1, 1)), equations=[sp.Eq(-pk.laplacian(u), 0)],
        conditions=[pk.Dirichlet(u, x * y)], quantities=[quantity],
    )  # fmt: skip
    assert Reactions(problem).value(quantity, solved(problem)) is None
