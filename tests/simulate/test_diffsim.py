"""The solver: its solution has values and derivatives, and says how it came about."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk

x = pk.coordinates("x")
t = pk.time("t", 0, 0.1)
u = pk.unknown("u", x, t)
D = sp.Derivative


def test_the_report_names_back_end_and_reason():
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) / 10],
        [pk.Initial(u, sp.sin(2 * sp.pi * x)), pk.Periodic(x)],
    )  # fmt: skip
    solution = pk.solve(problem, solver="diffsim", cells=32, progress=False)
    decay = sp.exp(-(4 * sp.pi**2) / 100)
    assert solution([[0.25, 0.1]]) == pytest.approx(float(decay), rel=1e-7)
    slope = solution.derivatives([[0.0, 0.1]], [(1, 0)])["u"]
    assert slope == pytest.approx(2 * float(sp.pi * decay), rel=1e-5)
    assert any("spectral: periodic" in note for note in solution.record.notes)


def test_other_shapes_are_refused():
    a, b = pk.coordinates("a b")
    v = pk.unknown("v", a, b, t)
    disk = pk.Problem(
        "disk", pk.Disk((0, 0), 1), [D(v, t) - pk.laplacian(v)], [pk.Initial(v, 0), pk.Dirichlet(v, 0)]
    )
    with pytest.raises(pk.DeclarationError, match="interval, rectangle or box"):
        pk.solve(disk, solver="diffsim", progress=False)
