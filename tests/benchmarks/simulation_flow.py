"""Incompressible flow through the simulator: the decaying vortex, and a cavity's state of rest."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.driver.numerics import numerics
from pinnkit.reference import fem_reference
from pinnkit.simulate.forward import ForwardOptions, simulate
from tests.benchmarks.flows import cavity
from tests.benchmarks.tables import Gate

x, y = pk.coordinates("x y")
_CELLS = 32, 64
_ORDER, _NEAR = 2.0, 0.1
_REYNOLDS, _REST, _FALLS = 100, 20.0, 3.5
_LID = 4 * x * (1 - x)


def gates() -> Iterator[Gate]:
    """Order against an exact solution, then a steady state against finite elements."""
    with numerics():
        yield vortex()
        yield settled()


def _flow(end: float, viscosity: sp.Expr) -> tuple[list[sp.Expr], tuple[sp.Expr, ...]]:
    """Momentum and continuity, and the symbols u, v, p, t."""
    t = pk.time("t", 0, end)
    u, v, p = (pk.unknown(letter, x, y, t) for letter in "uvp")
    momentum = [
        pk.material_derivative(w, (u, v)) + p.diff(c) - viscosity * pk.laplacian(w)
        for w, c in zip((u, v), (x, y), strict=True)
    ]
    return [*momentum, pk.div((u, v), [x, y])], (u, v, p, t)


def vortex() -> Gate:
    """The vortex of Taylor & Green (1937), which decays as exp(−2νt), periodic."""
    square = pk.Rectangle((0, 0), (2 * sp.pi, 2 * sp.pi))
    viscosity = sp.Rational(1, 20)
    equations, (u, v, _, t) = _flow(1.0, viscosity)
    fading = sp.exp(-2 * viscosity * t)
    exact = {"u": sp.cos(x) * sp.sin(y) * fading, "v": -sp.sin(x) * sp.cos(y) * fading,
             "p": -(sp.cos(2 * x) + sp.cos(2 * y)) / 4 * fading**2}  # fmt: skip
    start = [pk.Initial(w, exact[name].subs(t, 0)) for w, name in ((u, "u"), (v, "v"))]
    problem = pk.Problem("vortex", square, equations, [*start, pk.Periodic(x), pk.Periodic(y)])
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (4000, 3))
    errors = []
    for cells in _CELLS:
        values = simulate(problem, ForwardOptions(points=cells)).field(points)
        truth = {name: sp.lambdify((x, y, t), e)(*points.T) for name, e in exact.items()}
        errors.append([np.linalg.norm(values[n] - truth[n]) / np.linalg.norm(truth[n]) for n in exact])
    orders = np.log2(np.divide(*errors))
    shown = ", ".join(f"{n} {o:.2f} ({e:.1e})" for n, o, e in zip(exact, orders, errors[1], strict=True))
    return Gate(
        f"Taylor–Green vortex, order from {_CELLS[0]}² to {_CELLS[1]}² cells (error)",
        f"{_ORDER:.0f} ± {_NEAR}", shown, bool(np.all(np.abs(orders - _ORDER) <= _NEAR)),
    )  # fmt: skip


def settled() -> Gate:
    """The cavity under an eased lid, brought up to speed from rest, against the steady finite elements."""
    equations, (u, v, p, t) = _flow(_REST, sp.Rational(1, _REYNOLDS))
    still = [pk.Dirichlet(w, 0, where=side) for w in (u, v) for side in ("left", "right", "bottom")]
    moved = [pk.Dirichlet(u, _LID * (1 - sp.exp(-t)), where="top"), pk.Dirichlet(v, 0, where="top")]
    problem = pk.Problem(
        "cavity", pk.Rectangle((0, 0), (1, 1)), equations,
        [pk.Initial(u, 0), pk.Initial(v, 0), *still, *moved, pk.PointValue(p, 0, at=(0, 0))],
    )  # fmt: skip
    reference = fem_reference(cavity(_REYNOLDS, _LID), tolerance=1e-4)
    places = np.random.default_rng(0).uniform(0, 1, (4000, 2))
    wanted, errors = reference.evaluate(places), []
    started = time.process_time()
    for cells in _CELLS:
        found = simulate(problem, ForwardOptions(points=cells)).field(np.c_[places, np.full(4000, _REST)])
        errors.append([np.linalg.norm(found[n] - wanted[n]) / np.linalg.norm(wanted[n]) for n in "uv"])
    spent = time.process_time() - started
    falls = np.divide(*errors)
    shown = ", ".join(f"{n} {f:.1f} × (to {e:.1e})" for n, f, e in zip("uv", falls, errors[1], strict=True))
    return Gate(
        f"Cavity, Re {_REYNOLDS}, from rest to t = {_REST:.0f}: distance from steady finite elements, "
        f"from {_CELLS[0]}² to {_CELLS[1]}² cells ({spent:.0f} CPU s)",
        f"falls ≥ {_FALLS} ×", shown, bool(falls.min() >= _FALLS),
    )  # fmt: skip
