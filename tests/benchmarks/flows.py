"""Flows and a heated plate with published figures, by the reference alone and from public declarations."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import sympy as sp
from scipy.optimize import minimize_scalar

import pinnkit as pk
from pinnkit.reference import DataOptions, FemReference, data_reference, fem_reference
from tests.benchmarks.tables import Gate

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 3)
u, v, p = pk.unknown("u", x, y), pk.unknown("v", x, y), pk.unknown("p", x, y)
heat = pk.unknown("u", x, y, t)

# Extrema on the centre lines of the cavity: u least on x = 1/2, v largest and least on y = 1/2 (Botella &
# Peyret 1998 for Re 100 and 1000), and how closely they are to be met.
EXTREMA = {
    100: ((-0.2140424, 0.1795728, -0.2538030), 1e-5),
    400: ((-0.32874, 0.30382, -0.45407), 5e-5),
    1000: ((-0.3885698, 0.3769447, -0.5270771), 1e-4),
}
# The benchmark DFG 2D-1 (Schäfer & Turek 1996; digits by Nabh 1998): drag, lift, difference of pressure.
CYLINDER = {"drag": (5.57953523384, 1e-3), "lift": (0.010618948146, 1e-2), "dp": (0.11752016697, 1e-3)}


def gates() -> Iterator[Gate]:
    """Every gate, one after the other."""
    for reynolds in EXTREMA:
        yield from _cavity(reynolds)
    yield from _cylinder()
    yield from _eased_cavity()
    yield from _heated_plate()


def _steady_flow(name: str, domain, viscosity: sp.Expr, conditions: list) -> pk.Problem:
    """(u·∇)u = −∇p + ν Δu, ∇·u = 0."""
    equations = {
        f"momentum_{c}": sp.Eq(
            pk.material_derivative(w, (u, v)), -sp.diff(p, c) + viscosity * pk.laplacian(w)
        )
        for c, w in zip((x, y), (u, v), strict=True)
    }
    equations["continuity"] = sp.Eq(pk.div((u, v), [x, y]), 0)
    return pk.Problem(name=name, domain=domain, equations=equations, conditions=conditions)


def cavity(reynolds: float, lid: sp.Expr = sp.S.One) -> pk.Problem:
    """The unit square under a lid that slides with a given speed."""
    still = [pk.Dirichlet(c, 0, where=side) for c in (u, v) for side in ("left", "right", "bottom")]
    moved = [pk.Dirichlet(u, lid, where="top"), pk.Dirichlet(v, 0, where="top")]
    held = pk.PointValue(p, 0, at=(0, 0))
    square = pk.Rectangle((0, 0), (1, 1))
    return _steady_flow("cavity", square, sp.Rational(1) / reynolds, [*still, *moved, held])


def cylinder() -> pk.Problem:
    """The benchmark DFG 2D-1: a cylinder off the middle of a channel, Re = 20 (Schäfer & Turek 1996)."""
    height, viscosity = sp.Rational(41, 100), sp.Rational(1, 1000)
    channel = pk.Rectangle((0, 0), (2.2, 0.41)) - pk.Disk((0.2, 0.2), 0.05, name="cylinder")
    inflow = sp.Rational(12, 10) * y * (height - y) / height**2
    still = [pk.Dirichlet(c, 0, where=wall) for c in (u, v) for wall in ("bottom", "top", "cylinder")]
    entering = [pk.Dirichlet(u, inflow, where="left"), pk.Dirichlet(v, 0, where="left")]
    # The flux of a momentum equation holds the momentum that is carried along: do-nothing leaves that alone.
    leaving = [pk.Flux(f"momentum_{c}", u * w, where="right") for c, w in zip((x, y), (u, v), strict=True)]
    # No-slip walls leave this of the stress, which is the momentum equations' own flux.
    stress = [
        sum(viscosity * sp.diff(w, c) * pk.normal(c) for c in (x, y)) - p * pk.normal(d)
        for d, w in zip((x, y), (u, v), strict=True)
    ]
    # The normal points into the cylinder, and 0.2²·0.1/2 is the dynamic pressure times the diameter.
    forces = [
        pk.Quantity(name, -500 * force, over="cylinder")
        for name, force in zip(("drag", "lift"), stress, strict=True)
    ]
    pressures = [pk.Quantity(name, p, at=(a, 0.2)) for name, a in (("front", 0.15), ("back", 0.25))]
    drop = pk.Quantity("dp", pressures[0].symbol - pressures[1].symbol)
    flow = _steady_flow("cylinder", channel, viscosity, [*still, *entering, *leaving])
    return replace(flow, quantities=(*forces, *pressures, drop))


def heated_plate() -> pk.Problem:
    """Heat from the rims of seventeen holes and the outside: ∂u/∂n = g − u."""
    big = [(a, b) for a in (-4, 4) for b in (-9, -3, 3, 9)] + [(0, 0), (0, 6), (0, -6)]
    small = [(a, b) for a in (-3.2, 3.2) for b in (-6, 0, 6)]
    domain = pk.Rectangle((-8, -12), (8, 12), name="outside")
    for centres, radius, name in ((big, 1, "big"), (small, 0.4, "small")):
        for centre in centres:
            domain = domain - pk.Disk(centre, radius, name=name)
    rims = [pk.Robin(heat, 1, 1, g, where=n) for n, g in (("big", 5), ("small", 1), ("outside", 0.1))]
    equation = sp.Eq(sp.diff(heat, t), pk.laplacian(heat))
    return pk.Problem(
        name="heated_plate", domain=domain, equations=[equation], conditions=[*rims, pk.Initial(heat, 0)]
    )


def _cavity(reynolds: int) -> Iterator[Gate]:
    wanted, limit = EXTREMA[reynolds]
    reference = fem_reference(cavity(reynolds), tolerance=1e-3)
    found = extrema(reference)
    error = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
    figures = " / ".join(f"{value:.7f}" for value in found)
    yield Gate(
        f"Cavity, Re {reynolds}: extrema", f"≤ {limit:.0e}",
        f"{error:.1e}: {figures} ({reference.dofs} unknowns, {reference.seconds:.1f} s)", error <= limit,
    )  # fmt: skip


def extrema(reference: FemReference) -> tuple[float, float, float]:
    """The least u on x = 1/2, the largest and the least v on y = 1/2."""
    line = np.linspace(0.005, 0.995, 199)
    half = np.full_like(line, 0.5)

    def least(name: str, sign: float, vertical: bool) -> float:
        def value(s: np.ndarray) -> np.ndarray:
            middle = half[: len(s)]
            return sign * reference.evaluate(np.stack([middle, s] if vertical else [s, middle], axis=1))[name]

        k = int(np.argmin(value(line)))
        found = minimize_scalar(
            lambda s: float(value(np.array([s]))[0]), bounds=(line[k - 1], line[k + 1]), method="bounded",
            options={"xatol": 1e-9},
        )  # fmt: skip
        return sign * float(found.fun)

    return least("u", 1, True), least("v", -1, False), least("v", 1, False)


def _cylinder() -> Iterator[Gate]:
    reference = fem_reference(cylinder(), tolerance=1e-3)
    found = reference.quantities()
    for name, (wanted, limit) in CYLINDER.items():
        error = abs(found[name].value / wanted - 1)
        yield Gate(
            f"Cylinder (DFG 2D-1): {name}", f"≤ {limit:.0e} relative",
            f"{error:.1e}: {found[name].value:.9f} ± {found[name].error:.0e} "
            f"({reference.dofs} unknowns, {reference.seconds:.1f} s)", error <= limit,
        )  # fmt: skip


def _eased_cavity() -> Iterator[Gate]:
    reference = fem_reference(cavity(100, 4 * x * (1 - x)), tolerance=1e-3)
    if "PINNKIT_CASES" not in os.environ:
        yield Gate("Eased cavity, Re 100", "≤ 1e-03", "not measured: PINNKIT_CASES is not set", None)
        return
    table = np.loadtxt(
        Path(os.environ["PINNKIT_CASES"], "data", "pinnacle", "lid_driven_a4.dat"), comments="%"
    )
    points, values = table[:, :2], table[:, 2:4]
    found = reference.evaluate(points)
    errors = [np.linalg.norm(found[n] - c) / np.linalg.norm(c) for n, c in zip("uv", values.T, strict=True)]
    yield Gate(
        "Eased cavity, Re 100: u, v against data good to 2e-4", "≤ 5e-04",
        f"{max(errors):.1e} ({reference.dofs} unknowns, {reference.seconds:.1f} s)", max(errors) <= 5e-4,
    )  # fmt: skip


def _heated_plate() -> Iterator[Gate]:
    name, must = "Heated plate, 17 holes: against data good to 4e-4", "≤ 2e-03, 60 s"
    if "PINNKIT_CASES" not in os.environ:
        yield Gate(name, must, "not measured: PINNKIT_CASES is not set", None)
        return
    problem = heated_plate()
    reference = fem_reference(problem, tolerance=1e-2)
    file = Path(os.environ["PINNKIT_CASES"], "data", "heat2d_cg.npz")
    data = data_reference(problem, DataOptions(file, 4e-4))
    difference = reference.evaluate(data.points)["u"] - data.values["u"]
    error = float(np.linalg.norm(difference) / np.linalg.norm(data.values["u"]))
    yield Gate(
        name, must, f"{error:.1e}, bar {reference.error_bar['u']:.1e} "
        f"({reference.dofs} unknowns, {reference.seconds:.1f} s)",
        error <= 2e-3 and reference.seconds <= 60,
    )  # fmt: skip
