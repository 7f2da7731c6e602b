"""Quantities of a solution by quadrature: closed forms, times, what is missing, and what the error says."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy.special import ive

import pinnkit as pk
from pinnkit.forms.emit import emit
from pinnkit.solution import Record, Solution
from pinnkit.solution.quantities import quantities_of

x, y, z = pk.coordinates("x y z")
t = pk.time("t", 0, 2)
k = pk.parameter("k", 3)


class Formula:
    """Unknowns given by formulas, with their derivatives."""

    def __init__(self, problem, formulas):
        self.problem, self.formulas = problem, formulas

    def __call__(self, points):
        zero = (0,) * points.shape[1]
        return {name: values[:, 0] for name, values in self.derivatives(points, (zero,)).items()}

    def derivatives(self, points, indices):
        found = {}
        for name, formula in self.formulas.items():
            wanted = [formula]
            for index in indices:
                by = [(v, n) for v, n in zip(self.problem.variables, index, strict=True) if n]
                wanted.append(sp.diff(formula, *by) if by else formula)
            columns = emit(wanted[1:], list(self.problem.variables), np)(*points.T)
            found[name] = np.stack(columns, axis=1)
        return found


def solution(domain, formula, quantities, *variables, values_only=False, **record):
    u = pk.unknown("u", *variables)
    clock = [v for v in variables if isinstance(v, type(t))]
    space = [v for v in variables if v not in clock]
    equation = sum(sp.Derivative(u, (v, 2)) for v in space) - sum(sp.Derivative(u, v) for v in clock) + k
    conditions = [pk.Dirichlet(u, 0), *(pk.Initial(u, 0) for _ in clock)]
    problem = pk.Problem("p", domain, [equation], conditions, quantities=quantities(u))
    field = Formula(problem, {"u": formula})
    return Solution(problem, (lambda p: field(p)) if values_only else field, Record("pinn", **record))


def close(found, expected, tolerance=1e-9):
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=tolerance * max(abs(value), 1)), name
        assert abs(found[name].value - value) <= found[name].error + 1e-11 * max(abs(value), 1), name


def test_in_the_plane_with_a_hole():
    def quantities(u):
        flux = k * (pk.normal(x) * u.diff(x) + pk.normal(y) * u.diff(y))
        total = pk.Quantity("total", flux, over="boundary")
        area = pk.Quantity("area", 1, over="domain")
        return [
            total, area,
            pk.Quantity("hole", flux, over="hole"),
            pk.Quantity("mean", u, over="hole", mean=True),
            pk.Quantity("moment", u * x, over="domain"),
            pk.Quantity("bend", u.diff(x, 2) + x, at=(0.9, 0.9)),
            pk.Quantity("density", total.symbol / (k * area.symbol)),
        ]  # fmt: skip

    domain = pk.Rectangle((-1, -1), (1, 1)) - pk.Disk((0, 0), 0.5, name="hole")
    found = quantities_of(solution(domain, x**2 + x, quantities, x, y))
    area = 4 - np.pi / 4
    close(found, {
        "area": area, "total": 6 * area, "hole": -6 * np.pi / 4, "mean": 1 / 8,
        "moment": 4 / 3 - np.pi / 64, "bend": 2.9, "density": 2,
    })  # fmt: skip


def test_in_one_and_in_three_dimensions():
    def of_line(u):
        return [
            pk.Quantity("flux", pk.normal(x) * u.diff(x), over="boundary"),
            pk.Quantity("right", u, over="right", mean=True),
            pk.Quantity("mean", u, over="domain", mean=True),
        ]

    ends = quantities_of(solution(pk.Interval(0, 2), sp.exp(x), of_line, x))
    close(ends, {"flux": np.exp(2) - 1, "right": np.exp(2), "mean": (np.exp(2) - 1) / 2})

    def quantities(u):
        flux = sum(pk.normal(v) * u.diff(v) for v in (x, y, z))
        return [pk.Quantity("flux", flux, over="boundary"), pk.Quantity("volume", 1, over="domain")]

    ball = quantities_of(solution(pk.Ball((0, 0, 0), 1), x**2 + y, quantities, x, y, z))
    close(ball, {"flux": 8 * np.pi / 3, "volume": 4 * np.pi / 3})
    box = pk.Box((0, 0, 0), (1, 1, 1)) - pk.Ball((0, 0, 0), 0.5)
    cut = quantities_of(solution(box, x**2 + y, quantities, x, y, z))
    assert cut["flux"].value == pytest.approx(2 * (1 - np.pi / 48), rel=1e-5)


def test_over_time():
    def quantities(u):
        return [
            pk.Quantity("end", u, over="domain"),
            pk.Quantity("early", u.diff(t), over="domain", time=0.5),
            pk.Quantity("average", u, at=(0.25,), time="average"),
            pk.Quantity("start", u**2, over="domain", time=0),
        ]

    found = quantities_of(solution(pk.Interval(0, 1), x * sp.sqrt(t), quantities, x, t))
    close(found, {"end": np.sqrt(2) / 2, "early": np.sqrt(2) / 4, "start": 0})
    # √t is not smooth at the start, where the panels in time shrink.
    assert found["average"].value == pytest.approx(0.25 * np.sqrt(2) * 2 / 3, rel=1e-6)


def test_a_layer_is_resolved_or_the_error_says_that_it_is_not():
    disk = pk.Disk((0, 0), 1)
    for width, most in ((0.2, 1e-6), (3e-3, 0.1)):
        layer = sp.exp(-((x / width) ** 2))
        found = quantities_of(solution(disk, layer, lambda u: [pk.Quantity("q", u, over="domain")], x, y))[
            "q"
        ]
        # ∫ e^{−x²/w²} 2√(1 − x²) dx = π e^{−s} (I₀(s) + I₁(s)) with s = 1/(2w²)
        s = 1 / (2 * width**2)
        exact = np.pi * (ive(0, s) + ive(1, s))
        assert found.value == pytest.approx(exact, rel=most)
        assert abs(found.value - exact) <= found.error


def test_values_without_derivatives_give_what_needs_none():
    def quantities(u):
        return [
            pk.Quantity("mean", u, over="domain", mean=True),
            pk.Quantity("slope", u.diff(x), at=(0.5,)),
            pk.Quantity("twice", 2 * sp.Symbol("slope", real=True)),
        ]

    made = solution(pk.Interval(0, 1), x, quantities, x, values_only=True)
    found = quantities_of(made)
    assert found["mean"].value == pytest.approx(0.5)
    assert found["slope"].missing == "'pinn' gives no derivatives"
    assert found["twice"].missing == "slope is not available"
    values = made.quantities()
    assert values["mean"] == pytest.approx(0.5)
    assert np.isnan(values["slope"])


def test_inferred_parameters_take_the_values_found(tmp_path):
    (tmp_path / "s.csv").write_text("x,u\n0.5,0.1\n")
    a = pk.parameter("a", 1.0, infer=True)
    u = pk.unknown("u", x)
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [a * u.diff(x, 2)], [pk.Dirichlet(u, 0)],
        [pk.Observations(u, tmp_path / "s.csv")],
        quantities=[pk.Quantity("scaled", a * u, over="domain"), pk.Quantity("a_again", a)],
    )  # fmt: skip
    made = Solution(problem, lambda p: {"u": p[:, 0]}, Record("pinn", parameters={"a": 4.0}))
    assert made.quantities() == pytest.approx({"scaled": 2.0, "a_again": 4.0})
