"""Corners that what is prescribed beside them makes singular, and unknowns that have no norm there."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.singularities import boundary_singularities
from tests.benchmarks.flows import cavity, cylinder

from . import honest
from . import problems as known
from .problems import UNIT, u, x, y


def singularities(problem: pk.Problem, degree: int = 3):
    size = float(np.ptp(np.array(problem.domain.bounds), axis=0).max()) / 8
    return boundary_singularities(derive(problem), Meshes(problem.domain, degree).first(size), degree)


def test_values_that_jump_are_named_and_graded():
    found = singularities(cavity(100))
    assert set(found.exponents) == {(0.0, 1.0), (1.0, 1.0)}
    assert set(found.exponents.values()) == {0.75}
    (note,) = found.notes
    assert note.startswith("u: prescribed values disagree")
    assert "(0, 1) takes the one declared last, 1" in note


def test_the_corner_takes_the_value_declared_last():
    conditions = [pk.Dirichlet(u, value, where=side) for side, value in
                  {"left": 1, "right": 0, "top": 1, "bottom": 0}.items()]  # fmt: skip
    for ordered, value in ((conditions, 0), (conditions[::-1], 1)):
        problem = pk.Problem(
            name="clash", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 0)], conditions=ordered
        )
        reference = fem_reference(problem, tolerance=1e-2)
        assert reference.evaluate(np.array([[0.0, 0.0]]))["u"] == pytest.approx(value, abs=1e-9)
        assert any(f"(0, 0) takes the one declared last, {value}" in note for note in reference.notes)


def test_values_that_meet_are_no_singularity():
    """A lid that is eased off towards its ends."""
    found = singularities(cavity(100, 4 * x * (1 - x)))
    assert not found.exponents
    assert not found.notes


@pytest.mark.parametrize(("turns", "exponent"), [(4, 1 / 2), (6, 1 / 3)])
def test_conditions_that_change_their_kind(turns, exponent):
    power = honest.power(sp.Rational(2, turns))
    problem = honest.sector("change", turns * sp.pi / 4, power, ("last",))
    assert singularities(problem).exponents[0.0, 0.0] == pytest.approx(exponent)


def test_right_angles_and_round_holes_are_regular():
    assert not singularities(known.convection_robin()).exponents
    assert not singularities(cylinder()).exponents


def test_reentrant_corners_of_systems_are_graded_more():
    v = known.v
    domain = pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1))
    strain = sp.diff(u, x) + sp.diff(v, y)
    equations = [
        sp.Eq(-pk.laplacian(u) - sp.diff(strain, x), 1),
        sp.Eq(-pk.laplacian(v) - sp.diff(strain, y), 0),
    ]
    problem = pk.Problem(
        name="bracket", domain=domain, equations=equations,
        conditions=[pk.Dirichlet(w, 0) for w in (u, v)],
    )  # fmt: skip
    assert singularities(problem).exponents[0.0, 0.0] == 0.5


def test_a_pressure_without_a_norm_is_named_and_not_waited_for():
    reference = fem_reference(cavity(100), tolerance=1e-2)
    (note,) = [n for n in reference.notes if "no L2 norm" in n]
    assert note.startswith("p goes like r^-1")
    assert not any("limit" in n for n in reference.notes)
    assert max(reference.error_bar[n] for n in "uv") <= 1e-3 < reference.error_bar["p"]
