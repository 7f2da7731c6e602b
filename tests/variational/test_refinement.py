"""Cells refined by residuals: where and how, in buckets that need no new program, and kept with the run."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import load, run
from pinnkit.driver.numerics import numerics
from pinnkit.solvers import _cells, get
from pinnkit.training.resampling import first_samples
from pinnkit.training.weighting import apply_rules, start_rules
from pinnkit.variational.cell_sets import from_arrays

from .functions import Given, x, y

TINY = {"network": {"width": 2, "depth": 1}, "condition_points": 2, "optimizer": ["adam"]}


def refinement(problem, **options):
    solver = get("hp_vpinn")
    return solver.build(problem, solver.options.model_validate({**TINY, **options}), 0).refinement


class At:
    """A problem whose fields are a given function, whatever the parameters."""

    def __init__(self, problem, functions):
        self._fields = Given(problem, functions)

    def with_theta(self, theta):
        return self._fields


def line(source):
    u = pk.unknown("u", x)
    return pk.Problem(
        name="line", domain=pk.Interval(0, 1), equations=[-u.diff(x, 2) - source],
        conditions=[pk.Dirichlet(u, 0, where="left"), pk.Neumann(u, 0, where="right")],
    )  # fmt: skip


def test_cells_are_cut_where_the_residual_falls_slowly_and_raised_where_it_falls_fast():
    source = sp.exp(x) + sp.Piecewise((0, x < 0.32), (1, True))
    problem = line(source)
    with numerics():
        found = refinement(problem, cells={"counts": [4]}, tests={"order": 2},
                           refine={"rounds": 1, "share": 1.0})  # fmt: skip
        measured = found.measured(At(problem, {"u": sp.Integer(0)}), None, found.start(), 7)
        (cells,) = from_arrays(found.refined(measured))
    assert measured["decay line"].argmin() == 1
    assert sorted(np.ptp(cells.nodes[:, :, 0], axis=1)) == [0.125, 0.125, 0.25, 0.25, 0.25]
    assert sorted(cells.orders) == [2, 2, 3, 3, 3]
    assert [len(cells.sides[name]) for name in ("left", "right")] == [1, 1]
    assert measured["rounds iteration"].tolist() == [7]
    assert measured["rounds cells"].tolist() == [4]


def test_the_estimate_is_the_dual_norm_of_what_is_left():
    """−u″ = 1 and u = 0: sup ∫ v / ‖v′‖ over bubbles of a cell of size h is √(h³/12), at the end h more."""
    problem = line(sp.Integer(1))
    with numerics():
        found = refinement(problem, cells={"counts": [2]}, tests={"order": 1}, refine={"rounds": 1})
        state = found.measured(At(problem, {"u": sp.Integer(0)}), None, found.start(), 0)
    bubble, hat = 0.5**3 / 12, 0.25**2 / 2  # (∫ v)² / ∫ v′² of x/h on the last cell
    np.testing.assert_allclose(state["share line"], [bubble, bubble + hat], rtol=1e-12)


@pytest.mark.parametrize("where", [None, "right"])
def test_cells_of_several_orders_in_one_bucket_have_the_rows_of_their_own(where):
    problem = pk.Problem(
        name="square", domain=pk.Rectangle((0, 0), (1, 1), names=("left", "right", "left", "left")),
        equations=[-pk.laplacian(u := pk.unknown("u", x, y)) - sp.exp(x * y)],
        conditions=[pk.Neumann(u, 0, where="right"), pk.Dirichlet(u, 0, where="left")],
    )  # fmt: skip
    rows = {}
    with numerics():
        for by in ("h", "p"):
            made = refinement(problem, cells={"counts": [2, 1]}, tests={"order": 2, "quadrature": 9},
                              refine={"rounds": 1, "by": by})  # fmt: skip
            tests, tester = made._tests, made._assembly.tester
            on = tests.on(tests.first)
            norms = tester.norms(where)
            (bucket,) = on.interior(norms) if where is None else on.boundary(where, norms)
            tested, cells = tester.tested(bucket, where)
            rows[by] = np.asarray(tested(Given(problem, {"u": sp.sin(x + y)}), cells))
    assert rows["p"].shape[1] > rows["h"].shape[1]
    width = rows["h"].shape[1]
    np.testing.assert_allclose(rows["p"][:, :width], rows["h"], atol=1e-6 * np.abs(rows["h"]).max())
    assert np.abs(rows["h"]).max() > 1e-3
    assert np.abs(rows["p"][:, width:]).max() == 0.0


@pytest.mark.parametrize("by", ["h", "p"])
def test_refined_cells_that_fit_need_no_new_program(by):
    problem = line(sp.exp(x))
    with numerics():
        made = refinement(problem, cells={"counts": [5]}, tests={"order": 2}, conditions="soft",
                          refine={"rounds": 1, "by": by, "share": 0.4})  # fmt: skip
        first = made.posed(made.start())
        state = made.measured(At(problem, {"u": sp.Integer(0)}), None, made.start(), 0)
        second = made.posed(made.refined(state))
    assert jax.tree.structure(first) == jax.tree.structure(second)
    shapes = [[leaf.shape for leaf in jax.tree.leaves(posed)] for posed in (first, second)]
    assert shapes[0] == shapes[1]


def test_the_run_keeps_its_cells_and_the_report_shows_them(tmp_path, monkeypatch):
    u = pk.unknown("u", x, y)
    problem = pk.manufactured(
        "plane", pk.Disk((0, 0), 1, name="rim"), [-pk.laplacian(u)], {u: sp.exp(x) * sp.cos(y)}, "dirichlet"
    )
    settings = {
        "solver.name": "hp_vpinn", "solver.cells.size": 0.9, "solver.tests.order": 2,
        "solver.network.kind": "features", "solver.network.width": 30, "solver.optimizer": ["head"],
        "solver.refine.rounds": 1,
    }  # fmt: skip
    overrides = [(tuple(key.split(".")), value) for key, value in settings.items()]
    outcome = run(problem, overrides=overrides, out=tmp_path / "run", progress=False)
    cells = outcome.solution.record.cells
    assert len(cells["rounds cells"]) == 2
    assert cells["rounds tests"][1] > cells["rounds tests"][0]
    report = (tmp_path / "run" / "report.html").read_text()
    assert "<h2>Cells</h2>" in report
    assert "relative L2 error of u" in report

    def refuse(*_):
        raise AssertionError("a solution that is read back needs no mesh")

    monkeypatch.setattr(_cells, "domain_cells", refuse)
    loaded = load(tmp_path / "run")
    assert loaded.record.cells.keys() == cells.keys()
    for name, array in cells.items():
        np.testing.assert_array_equal(loaded.record.cells[name], array)


def test_causal_weights_see_cells_of_every_order_and_at_boundaries():
    time = pk.time("t", 0, 1)
    u = pk.unknown("u", x, time)
    problem = pk.Problem(
        name="rod", domain=pk.Interval(0, 1), equations=[u.diff(time) - u.diff(x, 2) - 1],
        conditions=[pk.Initial(u, 0), pk.Dirichlet(u, 0, where="left"), pk.Neumann(u, 0, where="right")],
    )  # fmt: skip
    solver, options = get("hp_vpinn"), {"tests": {"order": 1}, "refine": {"rounds": 1, "by": "p"}}
    given = {**TINY, **options, "cells": {"counts": [3], "slabs": 2}, "causal_chunks": 2}
    with numerics():
        built = solver.build(problem, solver.options.model_validate(given), 0)
        assert built.refinement is not None
        raised = built.refinement.posed({**built.refinement.start(), "orders line": np.array([1, 1, 6])})
        samples = first_samples(raised)
        states = start_rules(raised, built.rules, raised.theta, samples)
        dressed = apply_rules(raised, built.rules, states, samples)
        felt = [block for block in dressed.blocks if block.point_weights is not None]
        rows = [np.asarray(raised.values(block, raised.theta, block.points)) for block in felt]
        late = [np.asarray(block.points.times) > 0.5 for block in felt]
        kept = [np.flatnonzero(np.asarray(block.points.keep)) for block in felt]
    assert len(felt) == 3  # two buckets of bubbles and the flux at the right
    squares = np.zeros(2)
    for found, second, cells in zip(rows, late, kept, strict=True):
        np.add.at(squares, second[cells].astype(int), (found[cells] ** 2).sum(axis=1))
    # four rows of cells in either slab, the mean over both for a unit, the first steepness
    np.testing.assert_allclose(states[0].weights, [1, np.exp(-1e-2 * 2 * squares[0] / squares.sum())])
