"""Networks of subdomains under windows: sorted evaluation against the plain sum over all of them."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.collocation import Served
from pinnkit.fields.cover import Cover
from pinnkit.fields.derivatives import closure
from pinnkit.fields.embeddings import Coordinates
from pinnkit.fields.ensemble import Ensemble
from pinnkit.fields.mlp import MLP
from pinnkit.fields.network import Architecture
from pinnkit.fields.plan import layers_of, points_at_once
from pinnkit.fields.routing import block_size, routes
from pinnkit.forms.traces import Trace

KEYS = closure(frozenset({(1, 1), Trace((1.0, 2.0)), (0, 0)}))
# uneven cuts along the first axis, and a coarser level under the fine one
COVER = Cover((-1.0, 0.0), (1.0, 3.0), (((-0.5, 0.0, 0.7), (1.0,)), ((0.0,), ())), 0.8)


def ensemble(cover=COVER, width=5):
    plain = Coordinates(cover.lower, cover.upper, ())
    keys = jax.random.split(jax.random.key(1), cover.size)
    lower, upper = (tuple(map(tuple, corner.tolist())) for corner in cover.boxes)
    members = eqx.filter_vmap(lambda key: MLP(plain, 2, Architecture(width, 2), key))(keys)
    return Ensemble((members,), (0,) * cover.size, lower, upper)


def bundle(network, x, keys=KEYS):
    return network.bundle(x, Served(*COVER.windows(x, keys)), keys)


def points_of(count, cover=COVER):
    return jnp.asarray(np.random.default_rng(0).uniform(cover.lower, cover.upper, (count, len(cover.lower))))


def window(cover, number, x):
    """The window as the module states it, by quadrature of its step's slope."""
    value = 1.0
    for axis, (places, widths) in enumerate(zip(*(edge[number] for edge in cover.edges), strict=True)):
        rise, fall = (step((x[axis] - p) / w) for p, w in zip(places, widths, strict=True))
        value = value * (rise - fall)
    return value


def step(z):
    nodes, weights = np.polynomial.legendre.leggauss(6)
    z = jnp.clip(z, -1, 1)
    s = -1 + (z + 1) * (nodes + 1) / 2
    return jnp.sum(weights * (1 - s**2) ** 4) * (z + 1) / 2 * 315 / 256


def plain(network, x):
    """Σ ψ_j N_j at one point, every network of them, in coordinates of its box."""
    cover, total = COVER, 0.0
    low, high = cover.boxes
    for j in range(cover.size):
        one = jax.tree.map(lambda leaf, j=j: leaf[j], network.parts[0])
        z = 2 * (x - low[j]) / (high[j] - low[j]) - 1
        for layer in one.hidden:
            z = jnp.tanh(layer.weight @ z + layer.bias)
        total = total + window(cover, j, x) * (one.head.weight @ z + one.head.bias)
    return total


def test_sorted_points_pass_through_the_networks_near_them_and_all_derivatives_are_right():
    network, x = ensemble(), points_of(200)
    found = jax.jit(lambda n: [bundle(n, x)[key] for key in KEYS])(network)
    value, first, second = (
        jax.jit(jax.vmap(derived))(x)
        for derived in (lambda p: plain(network, p), jax.jacfwd(lambda p: plain(network, p)),
                        jax.hessian(lambda p: plain(network, p)))
    )  # fmt: skip
    expected = {
        (0, 0): value, (1, 0): first[..., 0], (0, 1): first[..., 1],
        (1, 1): second[..., 0, 1], Trace((1.0, 2.0)): second[..., 0, 0] + 2 * second[..., 1, 1],
    }  # fmt: skip
    for key, entry in zip(KEYS, found, strict=True):
        np.testing.assert_allclose(entry, expected[key], rtol=1e-10, atol=1e-10)


def test_networks_of_several_architectures_serve_the_points_they_are_chosen_for():
    network, x = ensemble(), points_of(40)
    deep = jax.tree.map(lambda leaf: leaf[:2], ensemble(width=3).parts[0])
    kinds = (0, 1) + (0,) * (COVER.size - 3) + (1,)
    own = jax.tree.map(lambda leaf: leaf[np.flatnonzero(np.array(kinds) == 0)], network.parts[0])
    mixed = Ensemble((own, deep), kinds, network.lower, network.upper)
    chosen = jnp.asarray(np.random.default_rng(2).integers(0, COVER.size, (40, 1)))
    found = mixed.bundle(x, Served(chosen), KEYS)
    alone = network.bundle(x, Served(chosen), KEYS)
    narrow = jax.tree.map(lambda leaf: leaf[jnp.array([0] * (COVER.size - 1) + [1])], deep)
    others = Ensemble((narrow,), (0,) * COVER.size, network.lower, network.upper)
    other = others.bundle(x, Served(chosen), KEYS)
    mine = np.array(kinds)[chosen] == 0
    for key in KEYS:
        np.testing.assert_allclose(found[key], np.where(mine, alone[key], other[key]), atol=1e-12)


def test_gradients_reach_the_networks_near_a_point_and_no_other():
    network = ensemble()
    x = jnp.array([[-0.9, 0.2]])  # first of the fine boxes (two of them across y), first of the coarse
    slopes = eqx.filter_grad(lambda n: jnp.sum(bundle(n, x, ((0, 0),))[0, 0]))(network)
    felt = np.abs(slopes.parts[0].head.bias).sum(axis=1) > 0
    expected = [abs(float(window(COVER, j, x[0]))) > 0 for j in range(COVER.size)]
    np.testing.assert_array_equal(felt, expected)
    assert felt.sum() < COVER.size / 2


def test_windows_sum_to_one_and_have_four_continuous_derivatives():
    keys = closure(frozenset({(4,)}))
    cover = Cover((0.0,), (1.0,), (((0.2, 0.5),),), 1.0)
    x = jnp.linspace(0, 1, 20001)[:, None]
    chosen, values = cover.windows(x, keys)
    table = np.zeros((len(x), cover.size, len(keys)))
    np.add.at(table, (np.arange(len(x))[:, None], chosen), values)
    low, high = cover.boxes
    for place, key in enumerate(keys):
        scale = np.abs(table[:, :, place]).max()
        np.testing.assert_allclose(table[:, :, place].sum(1), float(key == (0,)), atol=1e-10 * scale)
        assert np.abs(np.diff(table[:, :, place], axis=0)).max() < 0.01 * scale
    for j in range(cover.size):
        outside = (x[:, 0] < low[j, 0]) | (x[:, 0] > high[j, 0])
        np.testing.assert_array_equal(table[outside, j], 0)
    np.testing.assert_allclose(low[:, 0], [0, 0.1, 0.35])
    np.testing.assert_allclose(high[:, 0], [0.3, 0.65, 1])


@pytest.mark.parametrize(("n", "k", "count"), [(1, 4, 9), (50, 2, 3), (400, 4, 16), (400, 4, 256)])
def test_every_pair_has_a_row_of_its_network_wherever_the_points_lie(n, k, count):
    for chosen in (np.random.default_rng(1).integers(0, count, (n, k)), np.full((n, k), count - 1)):
        found = routes(jnp.asarray(chosen), count)
        size = found.points.shape[1]
        assert size == block_size(n * k, count)
        np.testing.assert_array_equal(found.points.ravel()[found.places], np.arange(n)[:, None].repeat(k, 1))
        np.testing.assert_array_equal(found.members[found.places // size], chosen)
        assert len(np.unique(found.places)) == n * k


def test_rows_hardly_grow_with_the_number_of_networks():
    rows = [routes(jnp.zeros((4096, 4), int), count).points.size for count in (4, 16, 64, 256)]
    assert rows[-1] <= 1.25 * rows[0]


def test_the_cost_of_an_ensemble_is_that_of_a_network_and_passes_leave_no_blocks_empty():
    network = ensemble()
    assert set(layers_of(network)) == {(5, 2), (5, 5), (2, 5)}
    assert points_at_once(network, KEYS) >= 8 * COVER.size
