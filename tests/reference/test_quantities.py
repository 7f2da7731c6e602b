"""Quantities of interest of references: against exact values, inside their bars, and what data allow."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import (
    DataOptions,
    FemOptions,
    QuantityUnavailable,
    data_reference,
    exact_reference,
    fem_reference,
)
from pinnkit.reference import fem as engine
from pinnkit.reference.quantities import scalar_bar

from .problems import UNIT, flat, t, u, w, x, y

ZOO = Path(__file__).parents[2] / "problems"
NX, NY = pk.normal(x), pk.normal(y)
FLUX = NX * u.diff(x) + NY * u.diff(y)
SMOOTH = sp.exp(x) * sp.sin(2 * y)
HOLED = pk.Rectangle((-1, -1), (1, 1), name="outer") - pk.Disk((0.2, 0), 0.3, name="hole")


def within_bars(problem: pk.Problem, most: float, **options: Any) -> None:
    """Every quantity is within its bar of the exact one, and that not by chance of a bar without meaning."""
    found = fem_reference(problem, **options).quantities()
    exact = exact_reference(problem).quantities()
    for name, truth in exact.items():
        error, bar = abs(found[name].value - truth.value), found[name].error
        assert error <= bar + truth.error, f"{name}: off by {error:.1e}, bar {bar:.1e}"
        assert bar <= most * max(abs(truth.value), 1), f"{name}: bar {bar:.1e}"
        assert truth.error < 1e-6 * max(abs(truth.value), 1), f"{name}: exact to {truth.error:.1e}"


def test_curved_boundary_points_and_formulas():
    mean = pk.Quantity("mean", u**2, over="domain", mean=True)
    flux = pk.Quantity("flux", x * FLUX, over="hole")
    quantities = [
        mean, flux,
        pk.Quantity("all", FLUX, over="boundary"),
        pk.Quantity("length", 1, over="hole"),
        pk.Quantity("area", 1, over="domain"),
        pk.Quantity("value", u * x, at=(0.7, 0.6)),
        pk.Quantity("slope", u.diff(x) * u.diff(y), at=(0.7, 0.6)),
        pk.Quantity("bend", u.diff(x, 2) + u.diff(x, y), at=(-0.4, 0.3)),
        pk.Quantity("laplace", u.diff(x, 2) + u.diff(y, 2), over="domain"),
        pk.Quantity("ratio", flux.symbol / mean.symbol + mean.symbol),
    ]  # fmt: skip
    within_bars(
        pk.manufactured("holed", HOLED, [-pk.laplacian(u) + u], {u: SMOOTH}, quantities=quantities), 2e-2
    )


def test_values_known_in_closed_form():
    quantities = [
        pk.Quantity("area", 1, over="domain"),
        pk.Quantity("length", 1, over="hole"),
        pk.Quantity("torque", x * NY - y * NX, over="boundary"),
        pk.Quantity("middle", x, over="left", mean=True),
        pk.Quantity("mean_u", u, over="domain", mean=True),
        pk.Quantity("nothing", u - u, over="domain"),
    ]  # fmt: skip
    domain = pk.Rectangle((0, 0), (2, 1)) - pk.Disk((1, 0.5), 0.25, name="hole")
    problem = pk.Problem("linear", domain, [pk.laplacian(u)], [pk.Dirichlet(u, x)], quantities=quantities)
    found = fem_reference(problem).quantities()
    expected = {
        "area": 2 - np.pi / 16,
        "length": np.pi / 2,
        "torque": 0,
        "middle": 0,
        "mean_u": 1,
        "nothing": 0,
    }
    for name, value in expected.items():
        assert found[name].value == pytest.approx(value, abs=2 * found[name].error + 1e-14), name
        assert found[name].error < 1e-4


def test_transient_at_a_time_at_the_end_and_on_average():
    slope = pk.Quantity("end", -w.diff(x) * NX, over="right")
    quantities = [
        slope,
        replace(slope, name="early", time=0.25),
        replace(slope, name="mean", time="average"),
        pk.Quantity("rate", w.diff(t), over="domain", time=0.5),
        pk.Quantity("mixed", w.diff(t) * x + t * w.diff(x, 2), at=(0.3,), time=0.3),
        pk.Quantity("heat", w, over="domain", mean=True, time="average"),
    ]  # fmt: skip
    exact = {w: sp.exp(-t) * sp.sin(2 * x) + t * x**2}
    operator = sp.diff(w, t) - sp.diff(w, x, 2)
    problem = pk.manufactured("heat", pk.Interval(0, 1), [operator], exact, quantities=quantities)
    within_bars(problem, 1e-3)


def test_transient_in_the_plane_and_of_second_order():
    field = sp.sin(x + y) * sp.cos(t)
    quantities = [
        pk.Quantity("speed", flat.diff(t) ** 2, over="domain", time=0.5),
        pk.Quantity("edge", NX * flat.diff(x) + NY * flat.diff(y), over="left", time="average"),
    ]
    operator = sp.diff(flat, t, 2) - pk.laplacian(flat)
    problem = pk.manufactured("wave", UNIT, [operator], {flat: field}, quantities=quantities)
    within_bars(problem, 1e-2, tolerance=1e-2)


def test_flux_through_a_solid():
    x3, y3, z3 = pk.coordinates("x y z")
    f = pk.unknown("f", x3, y3, z3)
    through = pk.normal(z3) * f.diff(z3) + pk.normal(x3) * f.diff(x3)
    quantities = [
        pk.Quantity("flux", through, over="top"),
        pk.Quantity("mean", f, over="domain", mean=True),
        pk.Quantity("value", f.diff(y3), at=(0.3, 0.4, 0.6)),
    ]
    problem = pk.manufactured(
        "box", pk.Box((0, 0, 0), (1, 1, 1)), [-pk.laplacian(f)], {f: sp.exp(x3) * y3 * sp.cos(z3)},
        quantities=quantities,
    )  # fmt: skip
    within_bars(problem, 0.5, options=FemOptions(degree=2, size=0.5, max_dofs=5_000))


def test_drag_lift_and_pressure_drop_of_a_cylinder():
    """DFG 2D-1 as the zoo declares it, against spectral results (Nabh 1998)."""
    found = fem_reference(pk.read(ZOO / "cylinder.yaml").problem, tolerance=1e-2).quantities()
    for name, value, gate in (
        ("c_D", 5.57953523384, 1e-3), ("c_L", 0.010618948146, 1e-2), ("delta_p", 0.11752016697, 1e-3),
    ):  # fmt: skip
        error = abs(found[name].value - value)
        assert error <= gate * value, name
        assert error <= found[name].error <= 0.1 * value, name


def test_other_quantities_take_the_same_entry_of_the_cache(tmp_path, monkeypatch):
    first = pk.manufactured("cached", pk.Disk((0, 0), 1), [-pk.laplacian(u)], {u: SMOOTH})
    mean = pk.Quantity("mean", u, over="domain", mean=True)
    other = pk.manufactured("cached", pk.Disk((0, 0), 1), [-pk.laplacian(u)], {u: SMOOTH}, quantities=[mean])
    made = fem_reference(first, tolerance=1e-2, cache=tmp_path)
    assert made.quantities() == {}
    expected = fem_reference(other, tolerance=1e-2).quantities()["mean"]
    monkeypatch.setattr(engine, "refine", None)  # a second computation would fail
    assert fem_reference(other, tolerance=1e-2, cache=tmp_path).quantities()["mean"] == expected


@pytest.mark.parametrize("make", [fem_reference, exact_reference])
def test_what_is_not_finite_is_refused(make):
    quantities = [pk.Quantity("root", sp.sqrt(u), at=(0.5, 0.5))]
    problem = pk.manufactured("root", UNIT, [-pk.laplacian(u)], {u: x - 2}, quantities=quantities)
    words = r"'root' is not finite.*\n.*nan.*\n.*roots of negative"
    with pytest.raises(QuantityUnavailable, match=words) as fault:
        make(problem).quantities()
    assert fault.value.quantity.name == "root"


@pytest.mark.parametrize(("order", "most"), [(1, 5), (2, 5), (3, 5), (4, 5), (6, 20)])
def test_the_bar_of_a_number_covers_its_error(order, most):
    """Numbers with error c·2^{−order·k}; the bar trusts no rate above 2^{p+1}."""
    values = [1 + 0.01 * 2.0 ** (-order * k) for k in range(3)]
    error = abs(values[-1] - 1)
    assert error <= scalar_bar(values, 3) <= most * error


def test_numbers_that_go_back_and_forth_have_no_rate():
    values = [1.0, 1.1, 1.09]
    assert scalar_bar(values, 3) == pytest.approx(0.01)
    assert scalar_bar(values, 3) > 2 * scalar_bar([1.0, 1.1, 1.11], 3)


def test_two_numbers_that_agree_by_chance_are_not_exact():
    assert scalar_bar([1.0, 1.1, 1.1], 2) > 1e-4
    assert np.isnan(scalar_bar([1.0], 2))


DATA = [
    pk.Quantity("mean", u, over="domain", mean=True),
    pk.Quantity("whole", u * x, over="domain"),
    pk.Quantity("point", u, at=(0.52, 0.48)),
    pk.Quantity("flux", FLUX, over="left"),
    pk.Quantity("edge", u, over="left"),
    pk.Quantity("double", 2 * sp.Symbol("mean", real=True)),
    pk.Quantity("lost", 2 * sp.Symbol("flux", real=True)),
]


def test_data_give_what_they_allow_and_say_what_not(tmp_path):
    grid = np.stack(np.meshgrid(*[np.linspace(0, 1, 41)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
    values = np.sin(grid[:, 0]) * grid[:, 1]
    table = np.column_stack([grid, values])
    np.savetxt(tmp_path / "data.csv", table, delimiter=",", header="x,y,u", comments="")
    problem = pk.Problem("d", UNIT, [sp.Eq(-pk.laplacian(u), 1)], [pk.Dirichlet(u, 0)], quantities=DATA)
    found = data_reference(problem, DataOptions(tmp_path / "data.csv", error=1e-2)).quantities()
    assert found["mean"].value == pytest.approx((1 - np.cos(1)) / 2, rel=1e-3)
    assert found["mean"].error == pytest.approx(1e-2 * found["mean"].value)
    assert found["whole"].value == pytest.approx((np.sin(1) - np.cos(1)) / 2, rel=1e-3)
    assert found["point"].value == pytest.approx(np.sin(0.52) * 0.48, rel=1e-4)
    assert found["double"].value == 2 * found["mean"].value
    reasons = {name: estimate.missing for name, estimate in found.items() if estimate.missing}
    assert reasons == {
        "flux": "data hold no derivatives", "edge": "data hold no boundary",
        "lost": "flux is not available",
    }  # fmt: skip


def test_data_over_time(tmp_path):
    xs, ts = np.linspace(-1, 1, 81), np.linspace(0, 1, 41)
    np.savez(tmp_path / "data.npz", x=xs, t=ts, w=np.exp(-ts)[:, None] * (1 - xs**2))
    problem = pk.Problem(
        "m", pk.Interval(-1, 1), [sp.Eq(sp.diff(w, t), sp.diff(w, x, 2))],
        [pk.Initial(w, 0), pk.Dirichlet(w, 0)],
        quantities=[
            pk.Quantity("average", w, over="domain", time="average"),
            pk.Quantity("early", w, at=(0.5,), time=0.26),
        ],
    )  # fmt: skip
    found = data_reference(problem, DataOptions(tmp_path / "data.npz")).quantities()
    assert found["average"].value == pytest.approx(4 / 3 * (1 - np.exp(-1)), rel=1e-3)
    assert found["early"].value == pytest.approx(0.75 * np.exp(-0.26), rel=1e-4)


def test_exact_solutions_do_not_tell_inferred_parameters(tmp_path):
    (tmp_path / "s.csv").write_text("x,y,u\n0.5,0.5,0.1\n")
    k = pk.parameter("k", 1.0, infer=True)
    problem = pk.Problem(
        "inverse", UNIT, [sp.Eq(-k * pk.laplacian(u), 1)], [pk.Dirichlet(u, 0)],
        [pk.Observations(u, tmp_path / "s.csv")],
        quantities=[pk.Quantity("flux", k * FLUX, over="left"), pk.Quantity("mean", u, over="domain")],
    )  # fmt: skip
    found = exact_reference(problem, {"u": x * (1 - x)}).quantities()
    assert found["flux"].missing == "the true k is not known"
    assert found["mean"].value == pytest.approx(1 / 6, rel=1e-9)
