"""What every registered network must do; a new one gets these tests without a line being added here."""

from __future__ import annotations

from math import factorial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.fields.activations import ACTIVATIONS
from pinnkit.fields.collocation import Collocation
from pinnkit.fields.derivatives import closure
from pinnkit.fields.embeddings import Coordinates, Holes
from pinnkit.fields.fourier import FourierFeatures, GaborFeatures
from pinnkit.fields.model import Fields, Group
from pinnkit.fields.network import Architecture
from pinnkit.fields.networks import NETWORKS
from pinnkit.fields.separable import Separable
from pinnkit.training.least_squares import LeastSquares

KEY = jax.random.key(3)
PLANE = Coordinates((-1.0, 0.0), (3.0, 2.0), ())
TORUS = Coordinates((-1.0, 0.0), (3.0, 2.0), (0,), harmonics=2)
HOLED = Holes(TORUS, (((0.5, 0.4), ((5.0, 0.0), (0.0, 5.0))),))
POINTS = np.random.default_rng(0).uniform((-1.0, 1.0), (3.0, 2.0), (3, 2))
FOURTH = closure(frozenset((k, 4 - k) for k in range(5)))
SMALL = Architecture(3, 1, "sin", factorisation=(1.0, 0.1))
FACTORISED = Architecture(4, 2, "tanh", factorisation=(1.0, 0.1))


def drawn(kind, inputs=None, architecture=FACTORISED, outputs=2, key=KEY):
    """A network in general position: what starts at zero is moved away from it."""
    if inputs is None:
        inputs = TORUS if NETWORKS[kind].separable else HOLED
    return moved(NETWORKS[kind](inputs, outputs, architecture, key))


def moved(module, by=0.1):
    numbers, rest = eqx.partition(module, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(numbers)
    noise = [by * jax.random.normal(jax.random.key(k), leaf.shape) for k, leaf in enumerate(leaves)]
    leaves = [leaf + step for leaf, step in zip(leaves, noise, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, leaves), rest)


@eqx.filter_jit
def bundle(network, points, wanted):
    return network.bundle(points, wanted)


def cauchy(function, points, wanted, radius=0.1, count=32):
    """∂^α of an analytic function at real points (n, 2), by the trapezoidal rule in Cauchy's integral.

    Shares nothing with the code, is exact to about α!·1e-16/radius^|α|, and needs values only.
    """
    circle = radius * np.exp(2j * np.pi * np.arange(count) / count)
    around = points[:, None, None, :] + np.stack(np.meshgrid(circle, circle, indexing="ij"), -1)
    values = np.asarray(function(jnp.asarray(around.reshape(-1, 2)))).reshape(len(points), count, count)
    terms = np.fft.fft2(values).real / count**2
    return {(i, j): terms[:, i, j] * factorial(i) * factorial(j) / radius ** (i + j) for i, j in wanted}


def assert_derivatives(network, wanted=FOURTH, radius=0.1, count=32):
    """Of a mixture of the outputs, to 1e-10 of the largest."""
    mix, zero = np.array([1.0, -0.7]), wanted[0]
    expected = cauchy(lambda z: network.bundle(z, (zero,))[zero] @ mix, POINTS, wanted, radius, count)
    found = bundle(network, POINTS, wanted)
    for index, values in expected.items():
        entry, size = np.broadcast_to(found[index] @ mix, values.shape), np.abs(values).max()
        assert size > 1e-6
        np.testing.assert_allclose(entry, values, rtol=0, atol=1e-10 * size, err_msg=str(index))


@pytest.mark.parametrize("kind", NETWORKS)
def test_derivatives_to_order_four(kind):
    assert_derivatives(drawn(kind, architecture=SMALL))


@pytest.mark.parametrize(
    ("kind", "inputs"),
    [
        ("separable", FourierFeatures.drawn(TORUS, 3, 1.0, KEY)),
        ("pirate", GaborFeatures.drawn(TORUS, 2, 1.0, KEY)),
        ("mlp", GaborFeatures.drawn(HOLED, 2, 0.5, KEY)),
    ],
    ids=["fourier", "gabor", "gabor round holes"],
)
def test_derivatives_behind_random_waves(kind, inputs):
    # envelopes grow off the real axis: a smaller circle, and more points on it
    wanted = closure(frozenset({(2, 1), (0, 3)}))
    assert_derivatives(drawn(kind, inputs, SMALL), wanted, radius=0.05, count=64)


@pytest.mark.parametrize("kind", NETWORKS)
def test_networks_drawn_together_are_evaluated_together(kind):
    keys = jax.random.split(KEY, 3)
    wanted = closure(frozenset({(2, 0), (1, 1)}))
    make = lambda key: NETWORKS[kind](PLANE, 1, FACTORISED, key)  # noqa: E731
    together = eqx.filter_vmap(make)(keys)
    found = eqx.filter_vmap(lambda network: network.bundle(jnp.asarray(POINTS), wanted))(together)
    alone = make(keys[0]).bundle(jnp.asarray(POINTS), wanted)
    for index in wanted:
        np.testing.assert_allclose(found[index][0], alone.get(index, 0.0), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_seed_decides(kind):
    same, again, other = (LeastSquares(drawn(kind, key=jax.random.key(seed)), ()).theta for seed in (1, 1, 2))
    np.testing.assert_array_equal(same, again)
    assert np.mean(same != other) > 0.5  # biases start at zero whatever the seed


SIZES = {
    # layers W, b and s of inputs → outputs: outputs·(inputs + 2)
    "mlp": 4 * (8 + 2) + 4 * (4 + 2) + 2 * (4 + 2),
    "modified_mlp": 3 * 4 * (8 + 2) + 4 * (4 + 2) + 2 * (4 + 2),
    "pirate": 2 * 4 * (8 + 2) + 2 * (4 * (8 + 2) + 4 * (4 + 2) + 8 * (4 + 2) + 1) + 2 * (8 + 2),
    "separable": 4 * (4 + 2) + 4 * (1 + 2) + 2 * 2 * 4 * (4 + 2) + 2 * (4 + 2),
    "features": 4 * (8 + 1) + 2 * (4 + 1),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_number_of_parameters(kind):
    assert LeastSquares(drawn(kind), ()).theta.size == SIZES[kind]


@pytest.mark.parametrize("kind", NETWORKS)
def test_parameters_are_all_there_is(kind):
    """A checkpoint holds θ alone: put into a network drawn from the same seed, it gives the same values."""
    fresh, network = (NETWORKS[kind](TORUS, 2, FACTORISED, KEY) for _ in range(2))
    trained = moved(network)
    theta = np.asarray(LeastSquares(trained, ()).theta)
    restored = LeastSquares(fresh, ()).with_theta(jnp.asarray(theta))
    wanted = closure(frozenset({(2, 0)}))
    first, second = bundle(trained, POINTS, wanted), bundle(restored, POINTS, wanted)
    for index in wanted:
        np.testing.assert_array_equal(first[index], second[index])


@pytest.mark.parametrize("kind", NETWORKS)
def test_single_precision_stays_single(kind):
    """Nothing within a network raises float32 to float64, where that is to be had."""
    inputs = TORUS if NETWORKS[kind].separable else GaborFeatures.drawn(HOLED, 2, 1.0, KEY)
    network = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), drawn(kind, inputs))
    points, wanted = jnp.asarray(POINTS, jnp.float32), closure(frozenset({(2, 1)}))
    program = str(jax.make_jaxpr(lambda x: dict(network.bundle(x, wanted)))(points))
    assert "f64[" not in program
    assert "f32[" in program


@pytest.mark.parametrize("kind", NETWORKS)
def test_factorised_weights_are_the_same_function_at_the_start(kind):
    plain = Architecture(4, 2, "sin", 3.0, initialisation="siren")
    factorised = Architecture(4, 2, "sin", 3.0, initialisation="siren", factorisation=(1.0, 0.5))
    first, second = (NETWORKS[kind](PLANE, 2, chosen, KEY) for chosen in (plain, factorised))
    np.testing.assert_allclose(
        first.bundle(jnp.asarray(POINTS), ((0, 0),))[0, 0],
        second.bundle(jnp.asarray(POINTS), ((0, 0),))[0, 0],
        rtol=1e-12,
    )


def test_a_siren_keeps_the_size_of_its_units_through_many_layers():
    """The variance of normal inputs v ↦ 1 − exp(−2v) settles at 0.797; Glorot's, half of that, dies away."""
    points = jax.random.uniform(KEY, (400, 2), minval=-1.0, maxval=3.0)
    spread = {}
    for choice in ("siren", "glorot"):
        network = NETWORKS["mlp"](PLANE, 1, Architecture(200, 8, "sin", 5.0, initialisation=choice), KEY)
        z = network.inputs.bundle(points, ((0, 0),))
        for hidden in network.hidden[:-1]:
            z = {(0, 0): ACTIVATIONS["sin"](hidden.bundle(z)[0, 0], 0)[0]}
        spread[choice] = float(jnp.std(network.hidden[-1].bundle(z)[0, 0]))
    assert spread["siren"] == pytest.approx(0.893, abs=0.1)
    assert spread["glorot"] < 0.5


def test_a_pirate_net_begins_as_a_linear_function_of_its_features():
    network = NETWORKS["pirate"](PLANE, 2, Architecture(6, 3, "tanh"), KEY)
    waves = network.inputs.bundle(jnp.asarray(POINTS), ((0, 0),))[0, 0]
    np.testing.assert_allclose(network.features(jnp.asarray(POINTS), ((0, 0),))[0, 0], waves, rtol=1e-14)
    assert not np.allclose(moved(network).features(jnp.asarray(POINTS), ((0, 0),))[0, 0], waves, rtol=0.01)


def test_gabor_features_fade_away_from_their_centres():
    features = GaborFeatures.drawn(PLANE, 50, 20.0, KEY)
    values = np.asarray(features.bundle(jnp.asarray(POINTS), ((0, 0),))[0, 0])
    assert np.median(np.abs(values)) < 1e-3
    at_centers = (np.array(features.centers) + 1) * [2.0, 1.0] + [-1.0, 0.0]
    values = np.asarray(features.bundle(jnp.asarray(at_centers), ((0, 0),))[0, 0])
    sine, cosine = np.diag(values[:, :50]), np.diag(values[:, 50:])
    np.testing.assert_allclose(sine**2 + cosine**2, 1, rtol=1e-10)


# -- tensor grids --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [TORUS, FourierFeatures.drawn(PLANE, 3, 1.0, KEY)], ids=["plain", "waves"])
def test_a_separable_network_on_a_grid_is_the_same_as_at_its_points(inputs):
    fields = Fields((drawn("separable", inputs),), (), (Group(("u", "v"), (0, 1)),))
    axes = np.linspace(-1, 3, 5), np.linspace(0, 2, 4)
    points = jnp.asarray(np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2))
    needs = {"u": FOURTH, "v": ((1, 1),)}
    plain, grid = Collocation(points, None, {}, {}), Collocation(points, None, {}, {}, grid=(5, 4))
    assert isinstance(fields.networks[0], Separable)
    found, expected = fields.jets(grid, needs), fields.jets(plain, needs)
    for jet, values in expected.items():
        np.testing.assert_allclose(found[jet], values, rtol=1e-12, atol=1e-12 * np.abs(values).max())
    products = lambda at: str(jax.make_jaxpr(lambda: fields.jets(at, needs))()).count("[20,4]")  # noqa: E731
    assert products(plain) > 0 == products(grid)


def test_a_part_of_a_grid_is_no_grid():
    fields = Fields((drawn("separable"),), (), (Group(("u", "v"), (0, 1)),))
    points = jnp.asarray([[x, y] for x in (0.0, 1.0, 2.0) for y in (0.5, 1.0)])
    grid, needs = Collocation(points, None, {}, {}, grid=(3, 2)), {"u": ((1, 1),)}
    whole = fields.jets(grid, needs)["u", (1, 1)]
    part = fields.jets(grid.take(jnp.array([4, 1, 0])), needs)["u", (1, 1)]
    np.testing.assert_allclose(part, whole[np.array([4, 1, 0])], rtol=1e-12)
    alone = jax.vmap(lambda at: fields.jets(jax.tree.map(lambda x: x[None], at), needs)["u", (1, 1)])(grid)
    np.testing.assert_allclose(alone[:, 0], whole, rtol=1e-12)
