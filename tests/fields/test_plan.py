"""What passes cost, counted: keys, operations, and how many points are taken at a time."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.activations import ACTIVATIONS, tanh
from pinnkit.fields.derivatives import closure, compose, differentiate, linear, product
from pinnkit.fields.embeddings import Coordinates
from pinnkit.fields.mlp import MLP
from pinnkit.fields.network import Architecture
from pinnkit.fields.plan import cost, layers_of, points_at_once
from pinnkit.forms.traces import Trace

KEY = jax.random.key(2)
LAYERS = [(32, 3), (32, 32), (1, 32)]
SPACE = Trace((1.0, 2.5, 0.0))
POINTS = np.random.default_rng(0).uniform(0, 1, (5, 3))


def pure(axis, dimension):
    return tuple(2 * int(axis == k) for k in range(dimension))


def network(activation="tanh", outputs=2):
    return MLP(Coordinates((0.0,) * 3, (1.0, 2.0, 3.0), ()), outputs, Architecture(6, 2, activation), KEY)


def test_a_trace_needs_first_derivatives_and_itself_alone():
    assert closure(frozenset({SPACE})) == ((0, 0, 0), (1, 0, 0), (0, 1, 0), SPACE)
    assert len(closure(frozenset({SPACE, (0, 0, 1)}))) == 5


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_traces_are_sums_of_second_derivatives(activation):
    keys = closure(frozenset({SPACE, pure(0, 3), pure(1, 3)}))
    found = network(activation).bundle(jnp.asarray(POINTS), keys)
    expected = found[pure(0, 3)] + 2.5 * found[pure(1, 3)]
    np.testing.assert_allclose(found[SPACE], expected, rtol=1e-12, atol=1e-12)


def test_traces_of_products_and_of_plain_functions():
    keys = closure(frozenset({SPACE, pure(0, 3), pure(1, 3)}))
    f, g = (dict(zip(keys, differentiate(h, jnp.asarray(POINTS), keys), strict=True)) for h in (
        lambda x: jnp.sin(x[0] * x[1]), lambda x: jnp.exp(x[0] - 2 * x[1] + x[2])))  # fmt: skip
    both = product(f, g, keys)
    np.testing.assert_allclose(both[SPACE], both[pure(0, 3)] + 2.5 * both[pure(1, 3)], rtol=1e-12)
    np.testing.assert_allclose(f[SPACE], f[pure(0, 3)] + 2.5 * f[pure(1, 3)], rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_way_back_agrees_with_differentiating_every_operation(activation):
    keys = closure(frozenset({(2, 1, 0), (0, 0, 4), SPACE}))
    inner = {key: jnp.asarray(np.random.default_rng(k).normal(size=(4, 3))) for k, key in enumerate(keys)}
    names = tuple(inner)

    def result(values, outer):
        found = compose(outer, dict(zip(names, values, strict=True)), keys)
        return sum(jnp.sum(jnp.sin(k + entry)) for k, entry in enumerate(found.values()))

    def bare(values):
        from pinnkit.fields.derivatives import _plain

        found = _plain(ACTIVATIONS[activation], dict(zip(names, values, strict=True)), keys)
        return sum(jnp.sum(jnp.sin(k + entry)) for k, entry in enumerate(found.values()))

    values = tuple(inner.values())
    for found, expected in zip(
        jax.grad(result)(values, ACTIVATIONS[activation]), jax.grad(bare)(values), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12 * np.abs(expected).max())


def test_matrix_products_go_forward_and_back():
    generator = np.random.default_rng(3)
    entry, weight = jnp.asarray(generator.normal(size=(7, 4))), jnp.asarray(generator.normal(size=(3, 4)))

    def ours(entry, weight):
        return linear({(0,): entry}, weight, None)[0,]

    for derivative in (jax.jacrev, jax.jacfwd):
        found = derivative(ours, (0, 1))(entry, weight)
        expected = derivative(lambda a, w: a @ w.T, (0, 1))(entry, weight)
        for mine, plain in zip(found, expected, strict=True):
            np.testing.assert_allclose(mine, plain, rtol=0, atol=1e-14)


def test_stacked_networks_under_vmap():
    keys = closure(frozenset({SPACE, (1, 1, 0), (0, 0, 3)}))
    parts = [
        MLP(Coordinates((0.0,) * 3, (1.0, 2.0, 3.0), ()), 2, Architecture(6, 2, "tanh"), key)
        for key in jax.random.split(KEY, 3)
    ]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *parts)
    points = jnp.asarray(np.random.default_rng(4).uniform(0, 1, (3, 5, 3)))

    def total(networks):
        found = jax.vmap(lambda network, x: list(network.bundle(x, keys).values()))(networks, points)
        return sum(jnp.sum(jnp.sin(entry)) for entry in found), found

    (_, found), gradient = jax.value_and_grad(total, has_aux=True)(stacked)
    for k, part in enumerate(parts):
        alone = part.bundle(points[k], keys)
        for entry, expected in zip(found, alone.values(), strict=True):
            np.testing.assert_allclose(entry[k], expected, rtol=1e-12, atol=1e-13)
        slopes = jax.grad(lambda part, k=k: sum(
            jnp.sum(jnp.sin(entry)) for entry in part.bundle(points[k], keys).values()
        ))(part)  # fmt: skip
        for all_of_them, one in zip(jax.tree.leaves(gradient), jax.tree.leaves(slopes), strict=True):
            np.testing.assert_allclose(all_of_them[k], one, rtol=1e-10, atol=1e-12)


# -- counts --------------------------------------------------------------------------------------------------


def test_costs_count_products_rules_and_kept_numbers():
    found = cost([(5, 3)], [(1,)])
    # z and σ(z) for two keys; two products of 5 × 3; one term of one block and one of none
    assert (found.operations, found.kept) == (2 * 2 * 5 * 3 + 5 * (1 + 2), 2 * 2 * 5)


@pytest.mark.parametrize("dimension", [2, 3, 10])
def test_one_trace_is_cheaper_than_its_terms_and_more_so_in_many_dimensions(dimension):
    terms = [pure(axis, dimension) for axis in range(dimension)]
    layers = [(32, dimension), (32, 32), (1, 32)]
    trace, single = cost(layers, [Trace((1.0,) * dimension)]), cost(layers, terms)
    keys = len(closure(frozenset(terms))) / len(closure(frozenset({Trace((1.0,) * dimension)})))
    assert keys == (2 * dimension + 1) / (dimension + 2)
    assert trace.kept * keys == pytest.approx(single.kept)
    assert single.operations / trace.operations == pytest.approx(keys, rel=0.1)


def test_chunks_hold_fewer_points_the_more_derivatives_and_the_wider_the_network():
    few, many = points_at_once(network(), [(0, 0, 0)]), points_at_once(network(), [(4, 0, 0), (0, 4, 0)])
    assert few == pytest.approx(9 * many, rel=0.01)
    assert sorted(layers_of(network())) == [(2, 6), (6, 3), (6, 6)]
    single = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), network())
    assert points_at_once(single, [(0, 0, 0)]) == pytest.approx(2 * few, rel=0.01)
    wide = MLP(Coordinates((0.0,), (1.0,), ()), 1, Architecture(4000, 1, "tanh"), KEY)
    assert points_at_once(wide, [(4,)]) >= 64


def test_tanh_keeps_its_results_alone():
    """The residuals of the way back are arrays of results, not of inner values as well."""
    keys = closure(frozenset({(2,)}))
    inner = tuple(jnp.ones((4, 3)) * k for k in (0.1, 0.2, 0.3))

    def value(*inner):
        found = compose(tanh, dict(zip(keys, inner, strict=True)), keys)
        return tuple(found.values())

    _, pullback = jax.vjp(value, *inner)
    kept = [leaf for leaf in jax.tree.leaves(pullback) if getattr(leaf, "ndim", 0) == 2]
    assert len(kept) <= 2 * len(keys)
