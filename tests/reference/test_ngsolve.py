"""The derived forms against NGSolve: one mesh, one degree, another engine with forms written by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("ngsolve")

from . import engines


@pytest.fixture(autouse=True)
def one_thread():
    """Its own threads would wait for those of the other tests."""
    import ngsolve

    ngsolve.SetNumThreads(1)


@pytest.mark.parametrize("kind", engines.KINDS)
def test_same_discrete_solution(kind):
    assert engines.KINDS[kind]() <= 1e-12


def test_differences_are_seen():
    """So that the test above is one: a load a millionth off stands out."""
    import ngsolve as ng
    import sympy as sp

    import pinnkit as pk

    from .engines import Pair, grad, held, linear, steady, u

    pair = Pair(steady("off", [sp.Eq(-pk.laplacian(u), 1)], [pk.Dirichlet(u, 0)]), 3, 0.25)
    space = pair.space(engines.SIDES)
    a, b = space.TnT()
    found = linear(grad(a) * grad(b) * pair.dx, ng.CF(1 + 1e-6) * b * pair.dx, space, held(space))
    assert pair.difference({"u": found}) == pytest.approx(1e-6, rel=1e-2)
