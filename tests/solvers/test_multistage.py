"""Multi-stage training: the second network goes well below what the first one reaches."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkit as pk
from pinnkit.driver import run
from tests.contract.problems import TINY

POINTS = np.linspace(0, 1, 101)[:, None]
EXACT = np.sin(np.pi * POINTS[:, 0])
SMALL = {
    "network": {"width": 10, "depth": 1}, "points": {"interior": 100, "pool": 1},
    "optimizer": [{"adam": 50}, {"ssbroyden": 150}],
}  # fmt: skip


def solved(solver, **options):
    given = [(("solver", key), value) for key, value in {"name": solver, **SMALL, **options}.items()]
    return run(TINY["line"](), overrides=given, progress=False).solution


def error(solution):
    return np.abs(solution(POINTS) - EXACT).max()


def test_the_second_stage_lowers_the_error_and_leaves_the_first_alone():
    first, both = solved("pinn"), solved("multistage")
    assert 1e-12 < error(first) < 1e-2
    assert error(both) < 0.05 * error(first)
    arrays = both.field.arrays
    assert arrays["sizes"][0] == 1
    assert 0 < arrays["sizes"][1] < 100 * error(first)
    np.testing.assert_allclose(both(np.array([[0.0], [1.0]])), 0, atol=1e-15)
    losses, stages = both.record.history["loss"], both.record.history["stage"]
    assert losses[-1] < 1e-3 * losses[stages == "stage 1: ssbroyden"][-1]
    slope = both.derivatives(POINTS, [(1,)])["u"][:, 0]
    np.testing.assert_allclose(slope, np.pi * np.cos(np.pi * POINTS[:, 0]), atol=1e3 * error(both))


def test_rounding_errors_are_no_ground_to_build_on():
    with pytest.raises(pk.DeclarationError, match="float64 or mixed"):
        solved("multistage", precision="float32")
