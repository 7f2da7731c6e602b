"""One-pass derivatives against nested automatic differentiation, to rounding errors."""

from __future__ import annotations

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.polynomial.polynomial import polyder, polyval2d
from scipy.signal import convolve2d

from pinnkit.fields.activations import ACTIVATIONS
from pinnkit.fields.collocation import prepare
from pinnkit.fields.derivatives import add, closure, compose, differentiate, partitions, product
from pinnkit.fields.embeddings import Coordinates, Holes
from pinnkit.fields.exact_conditions import Transform
from pinnkit.fields.features import Features
from pinnkit.fields.fourier import FourierFeatures
from pinnkit.fields.mlp import MLP, ModifiedMLP
from pinnkit.fields.model import Fields, Group
from pinnkit.fields.network import Architecture
from pinnkit.fields.networks import NETWORKS
from pinnkit.fields.windows import Windows

KEY = jax.random.key(1)
PLANE = Coordinates((-1.0, 0.0), (3.0, 2.0), ())
POINTS = np.random.default_rng(0).uniform((-1.0, 0.0), (3.0, 2.0), (4, 2))
FOURTH = closure(frozenset((k, 4 - k) for k in range(5)))  # all 15 to order four in two variables
THIRD = FOURTH[:10]

DISK = ((0.5, 0.4), ((5.0, 0.0), (0.0, 5.0)))
ELLIPSE = ((2.0, 1.5), ((4.0, 3.0), (-6.0, 8.0)))  # turned by atan(3/4), radii 1/5 and 1/10


def nested(function, points, indices):
    """∂^α of a function of one point by repeated Jacobians, each (n, m); shares nothing with the code."""
    tensors, derived = [], function
    for _ in range(1 + max(map(sum, indices))):
        tensors.append(jax.jit(jax.vmap(derived))(points))
        derived = jax.jacfwd(derived)
    found = {}
    for index in indices:
        axes = tuple(axis for axis, count in enumerate(index) for _ in range(count))
        found[index] = tensors[sum(index)][(..., *axes)]
    return found


@eqx.filter_jit
def bundle(module, points, wanted):
    return module.bundle(points, wanted)


def assert_bundle(found, expected, tolerance=1e-12):
    for index, values in expected.items():
        entry = np.broadcast_to(found.get(index, 0.0), values.shape)
        size = max(np.abs(values).max(), 1e-3)
        np.testing.assert_allclose(entry, values, rtol=0, atol=tolerance * size, err_msg=str(index))


def check(module, points=POINTS, wanted=FOURTH):
    points = jnp.asarray(points)
    zero = wanted[0]
    expected = nested(lambda x: module.bundle(x[None], (zero,))[zero][0], points, wanted)
    assert_bundle(bundle(module, points, wanted), expected)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    z = jnp.linspace(-2.5, 2.5, 9)
    derived = lambda z: ACTIVATIONS[activation](z, 0)[0]  # noqa: E731
    for found in ACTIVATIONS[activation](z, 4):
        np.testing.assert_allclose(found, jax.vmap(derived)(z), rtol=1e-12, atol=1e-12)
        derived = jax.grad(derived)


@pytest.mark.parametrize(
    ("kind", "activation"), [*(("mlp", name) for name in ACTIVATIONS), ("modified_mlp", "tanh")]
)
def test_networks_to_order_four(kind, activation):
    check(NETWORKS[kind](PLANE, 2, Architecture(4, 2, activation), KEY))


def test_three_variables_mixed_to_order_three():
    inputs = Coordinates((0.0, -1.0, 0.0), (1.0, 1.0, 2.0), ())
    wanted = closure(frozenset(i for i in itertools.product(range(4), repeat=3) if sum(i) == 3))
    assert len(wanted) == 20
    check(
        MLP(inputs, 1, Architecture(5, 2, "tanh"), KEY),
        np.random.default_rng(1).uniform(0, 1, (4, 3)),
        wanted,
    )


@pytest.mark.parametrize("patches", [(), (2, 3), (1, 2)])
def test_features_under_windows_to_order_four(patches):
    check(Features(PLANE, 2, Architecture(3, 1, "sin", 2.0, patches), KEY))


def test_windows_sum_to_one_with_all_their_derivatives():
    windows = Windows((-1.0, 0.0), (3.0, 2.0), (4, 3))
    assert windows.size == 12
    values = bundle(windows, POINTS, FOURTH)
    for index in FOURTH:
        np.testing.assert_allclose(np.sum(values[index], axis=1), float(index == (0, 0)), atol=1e-11)
    check(windows)


def test_a_window_is_one_at_the_middle_of_its_patch_and_small_far_away():
    windows = Windows((-1.0, 0.0), (3.0, 2.0), (4, 3))
    centers, half = windows.centers()
    np.testing.assert_allclose(half, [0.5, 1 / 3])
    values = np.asarray(bundle(windows, centers, FOURTH)[0, 0])
    assert np.diag(values).min() > 0.99
    assert np.abs(values - np.diag(np.diag(values))).max() < 0.01


def test_features_of_a_patch_are_spread_over_it():
    network = Features(PLANE, 1, Architecture(500, 1, "sin", 2.0, (4, 1)), KEY)
    centers, half = network.windows.centers()
    low, high = np.array(PLANE.lower), np.array(PLANE.upper)
    for j, center in enumerate(centers):
        w, b = (
            np.asarray(leaf)[500 * j : 500 * (j + 1)] for leaf in (network.layer.weight, network.layer.bias)
        )
        at_center = w @ ((2 * center - low - high) / (high - low)) + b
        assert 1.9 < np.abs(at_center).max() <= 2
        assert 1.9 < np.abs(w[:, 0] * 2 * half[0] / (high - low)[0]).max() <= 2


def test_wide_features_start_from_other_weights_only():
    network = MLP(PLANE, 1, Architecture(5, 1, "sin", 6.0), KEY)
    assert np.abs(network.hidden[0].weight).max() > 4
    check(network)


def test_one_point_alone_and_a_part_of_the_derivatives():
    network = ModifiedMLP(PLANE, 1, Architecture(5, 2, "tanh"), KEY)
    some = closure(frozenset({(2, 0), (0, 1)}))
    few, all_of_them = bundle(network, POINTS[:1], some), bundle(network, POINTS, FOURTH)
    assert_bundle(few, {index: np.asarray(all_of_them[index][:1]) for index in some}, 1e-14)


@pytest.mark.parametrize(
    "inputs",
    [
        PLANE,
        Coordinates((-1.0, 0.0), (3.0, 2.0), (0,)),
        Coordinates((-1.0, 0.0), (3.0, 2.0), (1,), harmonics=2),
        Coordinates((-1.0, 0.0), (3.0, 2.0), (0, 1), harmonics=2),
        Holes(PLANE, (DISK, ELLIPSE)),
        FourierFeatures.drawn(PLANE, 3, 2.0, KEY),
        FourierFeatures.drawn(Coordinates((-1.0, 0.0), (3.0, 2.0), (0,)), 3, 2.0, KEY),
    ],
    ids=["plane", "periodic", "harmonics", "torus", "holes", "fourier", "periodic fourier"],
)
def test_embeddings(inputs):
    assert inputs.bundle(jnp.asarray(POINTS), FOURTH)[0, 0].shape == (4, inputs.width)
    check(inputs)


def test_a_network_behind_an_embedding():
    check(
        MLP(Holes(Coordinates((-1.0, 0.0), (3.0, 2.0), (1,)), (DISK,)), 1, Architecture(3, 1, "tanh"), KEY),
        wanted=THIRD,
    )


@pytest.mark.parametrize("harmonics", [1, 2])
def test_periodic_networks_repeat_with_all_derivatives(harmonics):
    network = MLP(Coordinates((-1.0, 0.0), (3.0, 2.0), (0,), harmonics), 1, Architecture(8, 2, "tanh"), KEY)
    left = bundle(network, POINTS, FOURTH)
    right = bundle(network, POINTS + np.array([4.0, 0.0]), FOURTH)
    assert_bundle(left, {index: np.asarray(entry) for index, entry in right.items()}, 1e-11)
    shifted = bundle(network, POINTS + np.array([0.0, 2.0]), FOURTH)
    assert np.abs(shifted[0, 0] - left[0, 0]).max() > 1e-3


@pytest.mark.parametrize(("center", "axes"), [DISK, ELLIPSE], ids=["disk", "ellipse"])
def test_holes_are_seen_inverted_at_their_rim(center, axes):
    angle = np.linspace(0, 6, 5)
    circle = np.stack([np.cos(angle), np.sin(angle)], 1)
    rim = np.array(center) + circle @ np.linalg.inv(np.array(axes)).T
    seen = Holes(PLANE, ((center, axes),)).bundle(jnp.asarray(rim), ((0, 0),))[0, 0][:, 2:]
    np.testing.assert_allclose(seen, np.column_stack([0 * angle, circle]), atol=1e-14)


# -- the whole unknown ---------------------------------------------------------------------------------------

LIFT = Transform(
    lambda x: jnp.sin(x[0]) * x[1] ** 2, lambda x: (x[0] + 1) * (3 - x[0]) * (1 - jnp.exp(-x[1]))
)


def jets(fields, transforms, needs, points=POINTS):
    at = prepare(transforms, needs, points)
    return eqx.filter_jit(lambda fields, at: fields.jets(at, needs))(fields, at)


def test_jets_of_a_transformed_unknown():
    network = MLP(PLANE, 2, Architecture(5, 2, "tanh"), KEY)
    fields = Fields((network,), (), (Group(("u", "v"), (0, 1)),))
    needs = {"u": ((2, 2), (1, 0)), "v": ((0, 0), (3, 0))}
    found = jets(fields, {"u": LIFT}, needs)
    assert set(found) == {(name, index) for name, indices in needs.items() for index in indices}

    def whole(x):
        raw = network.bundle(x[None], ((0, 0),))[0, 0][0]
        return jnp.stack([LIFT.lift(x) + LIFT.multiplier(x) * raw[0], raw[1]])

    expected = nested(whole, jnp.asarray(POINTS), FOURTH)
    for name, index in found:
        column = expected[index][:, ("u", "v").index(name)]
        assert_bundle({index: found[name, index]}, {index: np.asarray(column)})


def test_an_unknown_of_some_variables_has_no_derivatives_in_the_others():
    steady = MLP(Coordinates((0.0,), (2.0,), ()), 1, Architecture(5, 1, "tanh"), KEY)
    fields = Fields((steady,), (), (Group(("w",), (1,)),))
    needs = {"w": ((0, 0), (0, 2), (1, 0), (1, 1))}
    plain = jets(fields, {}, needs)
    expected = nested(lambda x: steady.bundle(x[None, 1:], ((0,),))[(0,)][0], jnp.asarray(POINTS), needs["w"])
    for index in needs["w"]:
        assert_bundle({index: plain["w", index]}, {index: np.asarray(expected[index][:, 0])})
    assert not np.any(plain["w", (1, 1)])

    # A multiplier may bring in what the network does not see.
    lifted = jets(fields, {"w": LIFT}, needs)
    whole = nested(
        lambda x: LIFT.lift(x) + LIFT.multiplier(x) * steady.bundle(x[None, 1:], ((0,),))[(0,)][0, 0],
        jnp.asarray(POINTS), needs["w"],
    )  # fmt: skip
    for index in needs["w"]:
        assert_bundle({index: lifted["w", index]}, {index: np.asarray(whole[index])})


def test_groups_share_a_network_and_unknowns_not_asked_for_cost_nothing():
    networks = tuple(MLP(PLANE, 1, Architecture(3, 1, "tanh"), key) for key in jax.random.split(KEY))
    fields = Fields(networks, (), (Group(("u",), (0, 1)), Group(("v",), (0, 1))))
    assert set(jets(fields, {}, {"v": ((1, 0),)})) == {("v", (1, 0))}


# -- the algebra of bundles ----------------------------------------------------------------------------------

BELL = [1, 1, 2, 5, 15, 52, 203]


@given(st.lists(st.integers(0, 2), min_size=1, max_size=3).map(tuple))
def test_partitions_count_bell_numbers_and_add_up(index):
    terms = partitions(index)
    assert sum(count for count, _ in terms) == BELL[sum(index)]
    for _, blocks in terms:
        assert tuple(map(sum, zip(*blocks, strict=True))) == (index if sum(index) else ())


@given(st.sets(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4))
def test_closure_is_the_least_downward_closed_set_by_order(indices):
    found = closure(frozenset(indices))
    assert found[0] == (0, 0)
    assert [sum(index) for index in found] == sorted(sum(index) for index in found)
    assert set(found) == {
        (i, j) for i in range(4) for j in range(4) if any(i <= a and j <= b for a, b in indices)
    }


WANTED = closure(frozenset({(2, 1), (1, 3), (4, 0)}))
coefficients = st.lists(st.integers(-3, 3), min_size=9, max_size=9).map(lambda c: np.reshape(c, (3, 3)))


def exact(polynomial):
    """Bundle at (1/2, −3/2) of Σ c_ij xⁱyʲ; derivatives that vanish identically are left out."""
    found = {}
    for index in WANTED:
        derived = polyder(polyder(polynomial, index[0], axis=0), index[1], axis=1)
        if np.any(derived) or not any(index):
            found[index] = np.array([[polyval2d(0.5, -1.5, derived)]])
    return found


def assert_exact(found, polynomial):
    expected = exact(polynomial)
    for index in WANTED:
        value = np.ravel(found.get(index, 0.0))
        np.testing.assert_allclose(value, np.ravel(expected.get(index, 0.0)), rtol=1e-12, atol=1e-9)


@given(coefficients, coefficients)
def test_sums_products_and_compositions_of_polynomials(f, g):
    assert_exact(add(exact(f), exact(g)), f + g)
    assert_exact(product(exact(f), exact(g), WANTED), convolve2d(f, g))

    def cube(z, order):
        return [math.perm(3, k) * z ** max(3 - k, 0) for k in range(order + 1)]

    assert_exact(compose(cube, exact(f), WANTED), convolve2d(f, convolve2d(f, f)))


def test_differentiate_takes_any_function_of_a_point():
    expected = nested(LIFT.multiplier, jnp.asarray(POINTS), THIRD)
    found = differentiate(LIFT.multiplier, jnp.asarray(POINTS), THIRD)
    assert found.shape == (10, 4)
    assert_bundle(dict(zip(THIRD, found, strict=True)), {i: np.asarray(v) for i, v in expected.items()})


def test_preparing_points_in_chunks_changes_nothing(monkeypatch):
    from pinnkit.fields import collocation

    needs, normals = {"u": ((1, 1),), "v": ((0, 0),)}, np.ones((4, 2))
    whole = prepare({"u": LIFT}, needs, POINTS, normals)
    monkeypatch.setattr(collocation, "CHUNK", 3)
    parts = prepare({"u": LIFT}, needs, POINTS, normals)
    assert set(parts.lift) == set(parts.multiplier) == {"u"}
    np.testing.assert_allclose(parts.lift["u"], whole.lift["u"], rtol=1e-15, atol=1e-15)
    taken = parts.take(jnp.array([3, 1]))
    np.testing.assert_array_equal(taken.x, POINTS[[3, 1]])
    np.testing.assert_array_equal(taken.multiplier["u"], parts.multiplier["u"][np.array([3, 1])])
    assert taken.normals.shape == (2, 2)
