"""The contraction against plain loops, the divergence theorem in bent cells, and the norm of its rows."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.driver.numerics import numerics
from pinnkit.geometry.elements import ELEMENTS
from pinnkit.variational.cells import interior, on_side
from pinnkit.variational.contraction import Densities, Geometry, Tables, contract
from pinnkit.variational.gram import DependentTests, gram, whitening
from pinnkit.variational.test_functions import bubbles, legendre

from .gallery import KINDS, bent

POINTS = 7


def physical(table, mapped):
    """∇v (e, t, q, d) and ∇∇v (e, t, q, d, d) by the chain rule as textbooks have it."""
    gradient = np.einsum("eqrd,rtq->etqd", mapped.inverse, table.gradient)
    inner = table.hessian[None].transpose(0, 3, 4, 1, 2)
    if mapped.bend is not None:
        inner = inner - np.einsum("etqd,eqdrs->etqrs", gradient, mapped.bend)
    return gradient, np.einsum("eqri,etqrs,eqsj->etqij", mapped.inverse, inner, mapped.inverse)


def by_loops(table, mapped, value, gradient, hessian):
    slopes, bends = physical(table, mapped)
    e, q = mapped.weights.shape
    result = np.zeros((e, table.count, value.shape[2]))
    for cell in range(e):
        for t in range(table.count):
            for k in range(q):
                result[cell, t] += mapped.weights[cell, k] * (
                    value[cell, k] * table.value[t, k]
                    + slopes[cell, t, k] @ gradient[cell, k]
                    + np.einsum("ij,ijm->m", bends[cell, t, k], hessian[cell, k])
                )
    return result


@pytest.mark.parametrize("kind", KINDS)
def test_it_equals_the_plain_loop(kind):
    element, nodes = ELEMENTS[kind], bent(kind)
    at, mapped = interior(element, nodes, 4)
    table = bubbles(element, 2, at)
    e, q, d = mapped.points.shape
    random = np.random.default_rng(1)
    value, gradient, hessian = (random.normal(size=(e, q, *(d,) * k, 2)) for k in range(3))
    with numerics():
        found = contract(
            Tables.of(table), Geometry.of(mapped), Densities(*map(jnp.asarray, (value, gradient, hessian)))
        )
        own = Tables(*(jnp.stack([jnp.asarray(t)] * e) for t in (table.value, table.gradient, table.hessian)))
        each = contract(own, Geometry.of(mapped), Densities(jnp.asarray(value), jnp.asarray(gradient)))
    expected = by_loops(table, mapped, value, gradient, hessian)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    expected = by_loops(table, mapped, value, gradient, 0 * hessian)
    np.testing.assert_allclose(each, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize("kind", KINDS)
def test_second_derivatives_are_mapped(kind):
    """∫ ∇·(M∇v) = ∮ n·M∇v with a constant M, which holds only for true second derivatives."""
    element, nodes = ELEMENTS[kind], bent(kind)
    d = element.dimension
    matrix = np.random.default_rng(2).normal(size=(d, d))
    at, mapped = interior(element, nodes, POINTS + 4)
    _, bends = physical(bubbles(element, 3, at), mapped)
    inside = np.einsum("eq,etqij,ij->et", mapped.weights, bends, matrix)
    across = np.zeros_like(inside)
    for side in range(len(element.facets)):
        at, facet = on_side(element, nodes, side, POINTS + 4)
        slopes, _ = physical(bubbles(element, 3, at), facet)
        across += np.einsum("eq,eqi,ij,etqj->et", facet.weights, facet.normals, matrix, slopes)
    tolerance = 1e-5 if ELEMENTS[kind].dimension == 3 else 1e-8  # rational integrands in bent cells
    np.testing.assert_allclose(inside, across, atol=tolerance * np.abs(across).max())


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "wedge"])
def test_normals_point_outward_and_close(kind):
    element, nodes = ELEMENTS[kind], bent(kind)
    total, volume = np.zeros((len(nodes), element.dimension)), np.zeros(len(nodes))
    for side in range(len(element.facets)):
        _, facet = on_side(element, nodes, side, POINTS)
        total += np.einsum("eq,eqd->ed", facet.weights, facet.normals)
        volume += np.einsum("eq,eqd,eqd->e", facet.weights, facet.normals, facet.points) / element.dimension
    np.testing.assert_allclose(total, 0, atol=1e-10)
    np.testing.assert_allclose(volume, interior(element, nodes, POINTS)[1].weights.sum(axis=1), rtol=1e-10)


def test_cells_in_slabs_of_time_integrate_products():
    element, nodes = ELEMENTS["quad"], bent("quad")
    at, mapped = interior(element, nodes, 5)
    t, w = np.polynomial.legendre.leggauss(3)
    t, w = (t + 1) / 2, w / 2
    slabs = np.array([[0.0, 0.5], [0.5, 2.0]])
    whole = mapped.over_time(slabs, t, w)
    assert whole.points.shape == (6, 75, 3)
    function = whole.points[..., 0] * whole.points[..., 2] ** 2
    alone = np.einsum("eq,eq->e", mapped.weights, mapped.points[..., 0])
    parts = (slabs[:, 1] ** 3 - slabs[:, 0] ** 3) / 3
    np.testing.assert_allclose((whole.weights * function).sum(axis=1), np.outer(alone, parts).ravel())
    table = bubbles(element, 2, at).over_time(legendre(t, 2))
    assert table.value.shape == (8, 75)
    for norm in ("gradient", "value"):
        large = gram(table, whole, norm)
        small = gram(bubbles(element, 2, at), mapped, norm)
        times = np.einsum("q,sq,uq->su", w, legendre(t, 2), legendre(t, 2))
        np.testing.assert_allclose(large[1], 1.5 * np.kron(small[0], times), atol=1e-12)


@pytest.mark.parametrize("kind", ["line", "triangle", "quad", "tetra"])
@pytest.mark.parametrize("norm", ["gradient", "value"])
def test_rows_have_the_dual_norm(kind, norm):
    """For R(v) = (w, v) with w in the span of the tests, Rᵀ G⁻¹ R is the square of the norm of w."""
    element, nodes = ELEMENTS[kind], bent(kind)
    at, mapped = interior(element, nodes, 6)
    table = bubbles(element, 3, at)
    matrices = gram(table, mapped, norm)
    chosen = np.random.default_rng(0).normal(size=(len(nodes), table.count))
    tested = np.einsum("etu,eu->et", matrices, chosen)
    rows = np.einsum("etu,eu->et", whitening(matrices), tested)
    slopes, _ = physical(table, mapped)
    if norm == "gradient":
        direct = np.einsum("eq,eqd->e", mapped.weights, np.einsum("et,etqd->eqd", chosen, slopes) ** 2)
    else:
        direct = np.einsum("eq,eq->e", mapped.weights, (chosen @ table.value) ** 2)
    np.testing.assert_allclose((rows**2).sum(axis=1), direct, rtol=1e-10)


def test_tests_that_the_points_cannot_tell_apart_are_refused():
    at, mapped = interior(ELEMENTS["quad"], bent("quad"), 2)
    with pytest.raises(DependentTests):
        whitening(gram(bubbles(ELEMENTS["quad"], 4, at), mapped, "value"))
