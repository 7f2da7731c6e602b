"""DeepXDE as a peer: the precision it is asked for, its backends, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms.emit import emit
from pinnkit.solvers import deepxde

x = pk.coordinates("x")
u = pk.unknown("u", x)


def rod():
    return pk.Problem(
        name="rod", domain=pk.Interval(0, 1), equations=[sp.Eq(-sp.diff(u, x, 2), 1)],
        conditions=[pk.Dirichlet(u, 0, where="boundary")],
    )  # fmt: skip


def test_the_precision_asked_for_is_the_one_computed_in():
    tiny = {"iterations": 3, "points": {"interior": 8, "boundary": 2}, "network": {"width": 4, "depth": 1}}
    record = pk.solve(rod(), solver="deepxde", progress=False, **tiny).record
    assert record.history["loss"].dtype == np.float64
    assert list(record.history["stage"]) == ["adam"] * len(record.history["loss"])
    assert np.all(np.diff(record.history["seconds"]) >= 0)
    assert 0 < record.timing["compile"] < record.timing["wall"]


def test_lbfgs_without_its_backend_is_refused(monkeypatch):
    monkeypatch.setattr(deepxde, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(pk.DeclarationError, match="PyTorch is not installed") as caught:
        pk.solve(rod(), solver="deepxde", progress=False, lbfgs=5)
    assert "lbfgs: 0" in str(caught.value)


def test_expressions_are_the_same_in_pytorch():
    torch = pytest.importorskip("torch")
    from pinnkit.solvers._deepxde_torch import TorchNamespace

    y = sp.Symbol("y", real=True)
    expressions = [
        sp.sin(x) * y**3 - sp.exp(-x) / 2, sp.Piecewise((y, x > sp.Rational(1, 2)), (sp.sqrt(x), True)),
        sp.erf(x) + sp.Heaviside(y - 1), sp.Max(x, y, 1), sp.Integer(2),
    ]  # fmt: skip
    points = np.random.default_rng(0).uniform(0, 2, (2, 50))
    wanted = emit(expressions, [x, y], np)(*points)
    found = emit(expressions, [x, y], TorchNamespace(torch.float64))(*map(torch.as_tensor, points))
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-14)
