"""Tested residuals of whole declarations: zero for the exact solution, the same by all three forms."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.errors import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.forms import FormUnavailable

from .functions import Given, mixed, posed, rows_of, x, y

t = pk.time("t", 0, 1)
EXACT = sp.sin(x + y / 2) + x * y / 3
OTHER = sp.cos(2 * x - y) + x**2 / 2
FINE = {"order": 3, "quadrature": 13}
SQUARE = pk.Rectangle((0, 0), (1, 2), names=("left", "right", "sides", "sides"))


def largest(found):
    return max(float(np.abs(rows).max()) for rows in found.values())


def disk():
    return pk.Disk((0, 0), 1, name="rim")


@pytest.mark.parametrize("form", [1, 2, 3])
def test_the_exact_solution_passes_every_test_on_rectangles(form):
    problem = mixed(EXACT, SQUARE, ("left", "right", "sides"))
    wrong = mixed(EXACT, SQUARE, ("left", "right", "sides"), slope=0.1)
    options = {"form": form, "tests": FINE, "cells": {"counts": [2, 2]}}
    with numerics():
        found = rows_of(posed(problem, **options), Given(problem, {"u": EXACT}))
        assert list(found) == ["equations", "flux through right", "flux through sides"]
        assert largest(found) < 1e-11
        off = rows_of(posed(wrong, **options), Given(wrong, {"u": EXACT}))
    assert np.abs(off["flux through right"]).max() > 1e-2
    assert np.abs(off["flux through sides"]).max() < 1e-11


def agreeing(problem, functions, **options):
    fields = Given(problem, functions)
    with numerics():
        found = [rows_of(posed(problem, form=form, **options), fields) for form in (1, 2, 3)]
    found = [{name: np.asarray(rows) for name, rows in one.items()} for one in found]
    for other in found[1:]:
        assert found[0].keys() == other.keys()
        for name, rows in found[0].items():
            assert np.abs(rows).max() > 1e-3
            np.testing.assert_allclose(rows, other[name], rtol=0, atol=1e-10 * np.abs(rows).max())


def test_the_three_forms_agree_on_rectangles_with_natural_data():
    problem = mixed(EXACT, SQUARE, ("left", "right", "sides"))
    agreeing(problem, {"u": OTHER}, tests=FINE, cells={"counts": [2, 1]})


def test_the_three_forms_agree_on_curved_triangles():
    u = pk.unknown("u", x, y)
    problem = pk.Problem(
        name="disk", domain=disk(), equations=[-pk.div((1 + x**2) * pk.grad(u)) + u.diff(x) - 1],
        conditions=[pk.Neumann(u, x, where="rim")],
    )  # fmt: skip
    agreeing(problem, {"u": OTHER}, tests={"order": 2, "quadrature": 18}, cells={"size": 0.9})


def test_the_three_forms_agree_for_systems_in_slabs_of_time():
    u, v = pk.unknown("u", x, t), pk.unknown("v", x, t)
    problem = pk.Problem(
        name="system", domain=pk.Interval(0, 1),
        equations=[u.diff(t) - (v * u.diff(x)).diff(x) + u * v, v.diff(t) - v.diff(x, 2) - u],
        conditions=[pk.Initial(u, 0), pk.Initial(v, 1), pk.Dirichlet(v, 1), pk.Neumann(u, t, where="right"),
                    pk.Dirichlet(u, 0, where="left")],
    )  # fmt: skip
    functions = {"u": sp.sin(2 * x + t), "v": sp.exp(x * t)}
    tests = {"order": 3, "quadrature": 12, "time_order": 2, "time_quadrature": 10}
    # not of the form M of form 3: v u_x is no derivative of a function of u and v
    with numerics(), pytest.raises(FormUnavailable, match="form 3"):
        posed(problem, form=3, tests=tests)
    fields, cells = Given(problem, functions), {"counts": [2], "slabs": 2}
    with numerics():
        first, second = (
            rows_of(posed(problem, form=form, tests=tests, cells=cells), fields) for form in (1, 2)
        )
    for name, found in first.items():
        rows = np.asarray(found)
        np.testing.assert_allclose(rows, second[name], rtol=0, atol=1e-10 * np.abs(rows).max())


def test_cells_that_fill_up_count_nothing():
    u = pk.unknown("u", x)
    problem = pk.Problem(
        name="line", domain=pk.Interval(0, 1), equations=[-u.diff(x, 2) - 1], conditions=[pk.Dirichlet(u, 0)]
    )
    with numerics():
        block = posed(problem, cells={"counts": [17]})[0]
        assert len(block.points.keep) == 20
        assert float(block.points.keep.sum()) == 17
        rows = block.residual(Given(problem, {"u": sp.sin(x)}), block.points)
        assert float(jnp.abs(rows[17:]).max()) == 0.0
        # −∫R v over the span of bubbles in the norm of H⁻¹: for one cell and all tests, ∫ (w′)², −w″ = R
        loss = float(block.weight) * float(jnp.mean(jnp.sum(rows**2, 1)))
        assert 0 < loss < 1e-3


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tests": {"order": 5, "quadrature": 5}}, "more points than tests"),
        ({"cells": {"size": 0.1}}, "counts, cells along each axis"),
        ({"cells": {"counts": [3]}}, "one number for each coordinate"),
    ],
)
def test_bad_options_are_refused(given, says):
    problem = mixed(EXACT, SQUARE, ("left", "right", "sides"))
    with pytest.raises(DeclarationError, match=says), numerics():
        posed(problem, **given)


def test_no_flux_is_refused_by_form_2_and_tested_as_it_stands_by_form_1():
    u = pk.unknown("u", x)
    problem = pk.Problem(
        name="airy", domain=pk.Interval(0, 1), equations=[u.diff(x, 3) - u],
        conditions=[pk.Dirichlet(u, 1), pk.Neumann(u, 0, where="left")],
    )  # fmt: skip
    with numerics():
        with pytest.raises(FormUnavailable, match="form: 1"):
            posed(problem, cells={"counts": [2]})
        blocks = posed(problem, form=1, cells={"counts": [2]})
    names = [block.name for block in blocks]
    assert names == ["equations", "1. Dirichlet of u on boundary", "2. Neumann of u on left"]
