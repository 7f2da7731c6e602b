"""What training changes: inferred parameters within bounds, and which leaves are output and first layers."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.collocation import prepare
from pinnkit.fields.embeddings import Coordinates
from pinnkit.fields.fourier import FourierFeatures
from pinnkit.fields.model import Fields, Group, Inferred
from pinnkit.fields.network import Architecture
from pinnkit.fields.networks import NETWORKS

INPUTS = Coordinates((0.0,), (1.0,), ())


def fields(kind="mlp", inferred=()):
    keys = jax.random.split(jax.random.key(0))
    inputs = FourierFeatures(INPUTS, ((1.0,), (2.0,))) if NETWORKS[kind].behind_waves else INPUTS
    networks = tuple(
        NETWORKS[kind](inputs, 2 - k, Architecture(4, 2, "tanh"), key) for k, key in enumerate(keys)
    )
    raw = tuple(jnp.asarray(spec.raw) for spec in inferred)
    return Fields(networks, raw, (Group(("u", "v"), (0,)), Group(("p",), (0,))), inferred)


@pytest.mark.parametrize("start", [3.0, -0.02, 0.0])
def test_without_bounds_a_parameter_starts_where_told_and_may_go_anywhere(start):
    spec = Inferred("k", start)
    assert spec.value(jnp.asarray(spec.raw)) == start
    assert spec.value(jnp.asarray(-7.0)) == -7 * (start or 1.0)


def test_within_bounds_a_parameter_starts_where_told_and_stays_inside():
    spec = Inferred("k", 0.3, (0.1, 2.1))
    assert spec.value(jnp.asarray(spec.raw)) == pytest.approx(0.3, rel=1e-14)
    values = spec.value(jnp.linspace(-30.0, 30.0, 101))
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(values[jnp.array([0, -1])], [0.1, 2.1], rtol=1e-10)
    assert values.min() >= 0.1
    assert values.max() <= 2.1


@pytest.mark.parametrize("start", [0.1, 2.1, 5.0])
def test_a_start_on_a_bound_or_beyond_is_moved_inside_so_that_it_can_move(start):
    spec = Inferred("k", start, (0.1, 2.1))
    slope = jax.grad(spec.value)(spec.raw)
    assert 0.1 < spec.value(jnp.asarray(spec.raw)) < 2.1
    assert slope > 1e-3


def test_parameters_by_name():
    found = fields(inferred=(Inferred("k", 3.0), Inferred("nu", 0.5, (0.0, 1.0)))).parameters()
    assert {name: float(value) for name, value in found.items()} == {"k": 3.0, "nu": 0.5}


@pytest.mark.parametrize("kind", NETWORKS)
def test_unknowns_are_affine_in_the_linear_leaves_and_nothing_is_left_out(kind):
    model = fields(kind)
    leaves = model.linear_leaves()
    assert sum(leaf.size for leaf in leaves) == 2 * 4 + 2 + 4 + 1
    needs = {"u": ((2,),), "v": ((0,),), "p": ((1,),)}
    at = prepare({}, needs, np.linspace(0, 1, 5)[:, None])

    def values(factor):
        scaled = eqx.tree_at(Fields.linear_leaves, model, [factor * leaf + 0.5 for leaf in leaves])
        return np.stack(list(scaled.jets(at, needs).values()))

    np.testing.assert_allclose(values(2.0) - values(1.0), values(1.0) - values(0.0), atol=1e-13)
    assert np.all(np.abs(values(2.0) - values(1.0)).max(1) > 1e-3)


@pytest.mark.parametrize(("kind", "layers"), [("mlp", 1), ("modified_mlp", 3)])
def test_first_leaves_are_the_layers_that_see_the_inputs(kind, layers):
    shapes = [leaf.shape for leaf in fields(kind).first_leaves()]
    assert shapes == [(4, 1), (4,)] * layers * 2


def test_groups_name_their_outputs_in_order():
    model = fields()
    at = prepare({}, {}, np.linspace(0, 1, 5)[:, None])
    found = model.jets(at, dict.fromkeys(("p", "v", "u"), ((0,),)))
    direct = model.networks[0].bundle(at.x, ((0,),))[(0,)]
    np.testing.assert_array_equal(found["u", (0,)], direct[:, 0])
    np.testing.assert_array_equal(found["v", (0,)], direct[:, 1])
    np.testing.assert_array_equal(found["p", (0,)], model.networks[1].bundle(at.x, ((0,),))[(0,)][:, 0])
