"""What rounding makes of a residual, by residuals whose rounding is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training.least_squares import Block, LeastSquares
from pinnkit.training.rounding import at_floor

POINTS = np.linspace(1, 2, 100)[:, None]


def residual(theta, x):
    """θ, with rounding of about 6e-8 in float32 and 1e-16 in float64."""
    return jnp.sin(2 * x) - 2 * jnp.sin(x) * jnp.cos(x) + theta


def told(theta, precision, fields=None):
    plain = jnp.full(1, theta)
    block = Block("r", residual, jnp.asarray(POINTS), jnp.asarray(1.0))
    return at_floor(LeastSquares(plain, [block]), plain if fields is None else fields, plain, precision, 1.0)


@pytest.mark.parametrize(
    ("precision", "theta", "floor"),
    [
        ("float32", 3e-8, True),
        ("float32", 1e-4, False),
        ("float64", 1e-5, False),
        ("float64", 1e-16, True),
        ("float64", 1e-12, False),
    ],
)
def test_floor(precision, theta, floor):
    with jax.enable_x64(True):
        text = told(theta, precision)
    assert bool(text) == floor
    if floor:
        assert f"the floor of precision {precision}" in text
        assert ("float64 can lower it" in text) == (precision != "float64")


@pytest.mark.parametrize(("theta", "floor"), [(1e-7, True), (1e-4, False)])
def test_mixed_precision_is_measured_as_it_runs(theta, floor):
    """Only what the fields themselves round counts, here in float32 as they are."""
    with jax.enable_x64(True):
        text = told(theta, "mixed", jnp.full(1, theta + 6e-8 * floor))
    assert bool(text) == floor
