"""Weighted sums of neighbours: values, and that both modes and batches agree with matrices."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.simulate.taps import taps

WEIGHTS = np.array([0.5, 0.0, -2.0, 1.0, 3.0])


def matrix(count, wrapped):
    rows = count if wrapped else count - len(WEIGHTS) + 1
    found = np.zeros((rows, count))
    for row in range(rows):
        for k, weight in enumerate(WEIGHTS):
            found[row, (row + k - 2 * wrapped) % count] += weight
    return found


@pytest.mark.parametrize("wrapped", [True, False])
def test_values_tangents_cotangents_and_batches(wrapped):
    draw = np.random.default_rng(0)
    values = draw.normal(size=(3, 7))
    summed = matrix(7, wrapped)

    def along(v):
        return taps(v, 1, WEIGHTS, wrapped)

    np.testing.assert_allclose(along(values), values @ summed.T, rtol=1e-12)
    np.testing.assert_allclose(jax.jvp(along, (values,), (values,))[1], values @ summed.T, rtol=1e-12)
    cotangent = draw.normal(size=(3, len(summed)))
    np.testing.assert_allclose(jax.vjp(along, values)[1](cotangent)[0], cotangent @ summed, rtol=1e-12)
    many = jnp.asarray(draw.normal(size=(3, 7, 4)))
    found = jax.jit(jax.vmap(along, in_axes=2))(many)
    np.testing.assert_allclose(found, np.einsum("abn,cb->nac", many, summed), rtol=1e-12)
