"""pcnn: fluxes as unknowns, and Dirichlet data by penalty or augmented Lagrangian."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import load, run
from pinnkit.solution import Record, Solution

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
CONDUCTIVITY = 2 + sp.sin(x) * y
EXACT = sp.exp(x / 2) * sp.cos(y)


def problem():
    flux = [-CONDUCTIVITY * EXACT.diff(v) for v in (x, y)]
    return pk.Problem(
        name="ground", domain=pk.Rectangle((0, 0), (1, 1)),
        equations={"balance": sp.Eq(
            -pk.div(CONDUCTIVITY * pk.grad(u)), sp.expand(flux[0].diff(x) + flux[1].diff(y))
        )},
        conditions=[pk.Dirichlet(u, EXACT, where="left"), pk.Dirichlet(u, EXACT, where="right"),
                    pk.Neumann(u, EXACT.diff(y), where="top"), pk.Neumann(u, -EXACT.diff(y), where="bottom")],
    )  # fmt: skip


def solved(out=None, **options):
    given = {
        "name": "pcnn", "network": {"kind": "features", "width": 60, "feature_scale": 2.0},
        "points": {"interior": 300, "boundary": 40, "pool": 1}, "optimizer": ["head"], **options,
    }  # fmt: skip
    return run(problem(), overrides=[(("solver", *name.split(".")), v) for name, v in given.items()],
               out=out, progress=False).solution  # fmt: skip


def errors(solution):
    points = np.random.default_rng(0).uniform(0.02, 0.98, (200, 2))
    value = sp.lambdify((x, y), EXACT)(*points.T)
    flux = np.stack([sp.lambdify((x, y), -CONDUCTIVITY * EXACT.diff(v))(*points.T) for v in (x, y)], axis=1)
    found = solution.fluxes(points)["balance"]
    return np.abs(solution(points) - value).max(), np.abs(found - flux).max()


def test_unknown_and_flux_are_those_of_the_exact_solution_and_kept_with_the_run(tmp_path):
    solution = solved(tmp_path / "run")
    assert max(errors(solution)) < 1e-4
    points = np.array([[0.3, 0.4], [0.9, 0.1]])
    again = load(tmp_path / "run")
    np.testing.assert_array_equal(again.fluxes(points)["balance"], solution.fluxes(points)["balance"])


def test_other_solvers_have_no_fluxes():
    solution = Solution(problem(), lambda points: {"u": points[:, 0]}, Record("pinn"))
    with pytest.raises(ValueError, match="take pcnn"):
        solution.fluxes(np.array([[0.3, 0.4]]))


@pytest.mark.parametrize(
    "how", [{"weights.conditions": 100.0}, {"weighting": {"name": "augmented_lagrangian", "every": 100}}]
)
def test_dirichlet_data_by_penalty_and_by_augmented_lagrangian(how):
    solution = solved(
        conditions="soft", network={"width": 10, "depth": 2}, optimizer=[{"ssbroyden": 300}], **how
    )
    assert max(errors(solution)) < 0.2
    assert any(name.startswith("loss_1. Dirichlet") for name in solution.record.history)
    multipliers = [name for name in solution.record.history if name.startswith("multiplier_")]
    assert bool(multipliers) == ("weighting" in how)
