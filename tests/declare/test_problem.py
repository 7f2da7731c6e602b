"""What a Problem holds: order of unknowns, laid-open vectors, columns of points, frozenness."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
import sympy as sp

import pinnkit.declare as pk
from pinnkit.geometry import Disk, Interval, Rectangle

x, y = pk.coordinates("x y")
t = pk.time("t", 1, 3)
u, v, p = (pk.unknown(name, x, y) for name in "uvp")
h = pk.unknown("h", x, y, t)
w = sp.Matrix([u, v])
SQUARE = Rectangle((0, 0), (1, 2))


def stokes(**changes) -> pk.Problem:
    declared = {
        "equations": {"momentum": sp.Eq(pk.laplacian(w), pk.grad(p)), "continuity": sp.Eq(pk.div(w), 0)},
        "conditions": [pk.Dirichlet(w, (y, 0)), pk.PointValue(p, 0, (0, 0))],
    }
    return pk.Problem("stokes", SQUARE, **(declared | changes))


def test_vectors_are_laid_open() -> None:
    problem = stokes()
    assert [e.name for e in problem.equations] == ["momentum_x", "momentum_y", "continuity"]
    assert problem.equations[0].residual == u.diff(x, 2) + u.diff(y, 2) - p.diff(x)
    assert problem.conditions[:2] == (pk.Dirichlet(u, y), pk.Dirichlet(v, 0))


def test_a_zero_stands_for_a_zero_vector() -> None:
    problem = stokes(conditions=[pk.Dirichlet(w, 0)])
    assert problem.conditions == (pk.Dirichlet(u, 0), pk.Dirichlet(v, 0))


def test_unknowns_come_by_equation_and_name_unless_ordered() -> None:
    assert stokes().unknown_names == ("p", "u", "v")
    assert stokes(unknowns=[w, p]).unknown_names == ("u", "v", "p")
    assert stokes() != stokes(unknowns=[w, p])


def test_inferred_unknowns_stand_last() -> None:
    a = pk.unknown("a", x, y, infer=True)
    problem = pk.Problem(
        "inverse",
        SQUARE,
        [pk.div(a * pk.grad(u)) - 1],
        [pk.Dirichlet(u, 0)],
        [pk.Observations(u, "sensors.csv")],
        unknowns=[a, u],
    )
    assert problem.unknown_names == ("u", "a")
    assert (problem.solved, problem.inferred) == ((u,), (a,))


def test_columns_of_points_are_space_then_time() -> None:
    problem = pk.Problem(
        "heat", SQUARE, [h.diff(t) - pk.laplacian(h)], [pk.Dirichlet(h, 0), pk.Initial(h, x)]
    )
    assert problem.variables == (x, y, t)
    assert problem.lower == (0, 0, 1)
    assert problem.upper == (1, 2, 3)
    assert problem.time is not None
    assert problem.coordinates == (x, y)


def test_residual_is_left_minus_right() -> None:
    problem = pk.Problem("p", SQUARE, [sp.Eq(-pk.laplacian(u), x)], [pk.Dirichlet(u, 0)])
    assert problem.equations[0].residual == -u.diff(x, 2) - u.diff(y, 2) - x
    assert problem.equations[0].name == "equation"


def test_parameters_are_those_in_use() -> None:
    k, q = pk.parameter("k", 2), pk.parameter("q", 3)
    problem = pk.Problem("p", SQUARE, [pk.laplacian(u) - k], [pk.Dirichlet(u, q)])
    assert problem.parameters == (k, q)


def test_a_problem_is_frozen_and_survives_copying() -> None:
    problem = stokes()
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.name = "other"
    assert copy.deepcopy(problem) == problem
    assert pickle.loads(pickle.dumps(problem)) == problem


@pytest.mark.parametrize("symbol", [t, pk.parameter("k", 2, infer=True, bounds=(0, 3))])
def test_symbols_survive_pickling(symbol: sp.Symbol) -> None:
    back = pickle.loads(pickle.dumps(symbol))
    assert back == symbol
    assert {slot: getattr(back, slot) for slot in type(symbol).__slots__} == {
        slot: getattr(symbol, slot) for slot in type(symbol).__slots__
    }


def test_parameters_with_other_values_are_other_symbols() -> None:
    assert pk.parameter("k", 2) != pk.parameter("k", 3)
    assert pk.time("t", 0, 1) != pk.time("t", 0, 2)


# What may be left free, or given twice
FREE = {
    "a pressure": lambda: stokes(conditions=[pk.Dirichlet(w, 0)]),
    "an outflow with its flux": lambda: stokes(
        conditions=[
            *(pk.Dirichlet(w, 0, name) for name in ("left", "bottom", "top")),
            *(pk.Flux(f"momentum_{axis}", 0, "right") for axis in "xy"),
        ]
    ),
    "transport, upstream only": lambda: pk.Problem(
        "transport", SQUARE, [u.diff(x) + u.diff(y)], [pk.Dirichlet(u, 1, s) for s in ("left", "bottom")]
    ),
    "diffusion in x alone": lambda: pk.Problem(
        "march",
        SQUARE,
        [u.diff(y) - u.diff(x, 2)],
        [pk.Dirichlet(u, 0, s) for s in ("left", "right", "bottom")],
    ),
    "an oscillator, both data at one end": lambda: pk.Problem(
        "oscillator",
        Interval(0, 1),
        [(s := pk.unknown("s", x)).diff(x, 2) + s],
        [pk.Dirichlet(s, 1, "left"), pk.Neumann(s, 0, "left")],
    ),
    "value and slope for the biharmonic equation": lambda: pk.Problem(
        "plate", SQUARE, [pk.laplacian(pk.laplacian(u)) - 1], [pk.Dirichlet(u, 0), pk.Neumann(u, 0)]
    ),
    "boundary data where there are observations": lambda: pk.Problem(
        "assimilated", SQUARE, [pk.laplacian(u)], [], [pk.Observations(u, "sensors.csv")]
    ),
    "a periodic channel": lambda: pk.Problem(
        "channel",
        SQUARE,
        [pk.laplacian(u)],
        [pk.Periodic(x), pk.Dirichlet(u, 0, "bottom"), pk.Dirichlet(u, 1, "top")],
    ),
    "a periodic box with a hole": lambda: pk.Problem(
        "hole",
        SQUARE - Disk((0.5, 1), 0.2, name="hole"),
        [pk.laplacian(u) - u],
        [pk.Periodic(x), pk.Periodic(y), pk.Dirichlet(u, 1, "hole")],
    ),
    "a radiating wall": lambda: pk.Problem(
        "radiation", SQUARE, [pk.laplacian(u)], [pk.Neumann(u, 1 - u**4)]
    ),
    "a pole of a coefficient on the boundary": lambda: pk.Problem(
        "polar",
        SQUARE,
        [u.diff(x, 2) + u.diff(x) / x],
        [pk.Neumann(u, 0, "left"), pk.Dirichlet(u, 0, "right")],
    ),
    "tractions in elasticity": lambda: pk.Problem(
        "elastic",
        SQUARE,
        {"balance": pk.laplacian(w) + pk.grad(pk.div(w))},
        [
            *(pk.Dirichlet(w, 0, name) for name in ("left", "bottom", "top")),
            pk.Condition(2 * u.diff(x) + v.diff(y), "right"),
            pk.Condition(u.diff(y) + v.diff(x), "right"),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FREE)
def test_sound_declarations_pass(name: str) -> None:
    assert FREE[name]().to_yaml()
