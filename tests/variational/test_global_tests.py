"""Tests of the whole domain: where they vanish, and what they make of exact and other functions."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.declare.errors import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.variational.global_tests import GlobalTests

from .functions import Given, mixed, posed, rows_of, x, y
from .test_forms import EXACT, OTHER, SQUARE

TESTS = {"order": 3, "quadrature": 6000}
NAMES = ("left", "right", "sides")


def test_the_exact_solution_passes_and_the_three_forms_agree():
    problem = mixed(EXACT, SQUARE, NAMES)
    with numerics():
        found = [
            [rows_of(blocks, Given(problem, {"u": function})) for function in (EXACT, OTHER)]
            for blocks in (posed(problem, "vpinn", form=form, tests=TESTS) for form in (1, 2, 3))
        ]
        found = [[{k: np.asarray(v) for k, v in rows.items()} for rows in pair] for pair in found]
    assert list(found[0][0]) == ["equations", "flux through right", "flux through sides"]
    for exact, _ in found:
        assert max(np.abs(rows).max() for rows in exact.values()) < 1e-9
    for _, other in found[1:]:
        for name, rows in found[0][1].items():
            assert np.abs(rows).max() > 1e-3
            np.testing.assert_allclose(rows, other[name], rtol=0, atol=1e-9 * np.abs(rows).max())


def test_they_vanish_on_the_boundary_but_where_it_is_tested():
    with numerics():
        tests = GlobalTests(pk.Rectangle((0, 0), (1, 2)), 3, 100, None, True)
        (everywhere,) = tests.interior(["gradient"])
        (beside,) = tests.boundary("right", ["gradient"])
    points = everywhere.around.mapped.points[0]
    on_right = points[:, 0] > 1 - 1e-12
    assert np.abs(everywhere.around.tables.value).max() < 1e-14
    assert np.abs(beside.around.tables.value[:, ~on_right]).max() < 1e-14
    assert np.abs(beside.around.tables.value[:, on_right]).max() > 0.1


def test_too_few_points_are_refused():
    with pytest.raises(DeclarationError, match="more points along an axis than tests"), numerics():
        posed(mixed(x * y, SQUARE, NAMES), "vpinn", tests={"order": 6, "quadrature": 30})
