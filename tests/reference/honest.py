"""Problems with known solutions, by which error bars are tried: smooth, with layers, corners or jumps."""

from __future__ import annotations

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemReference

from . import problems as known
from .problems import UNIT, u, x, y

R, PHI = sp.symbols("R PHI", positive=True)


def sector(name: str, angle: sp.Expr, exact: sp.Expr, slopes: tuple[str, ...] = ()) -> pk.Problem:
    """Δu = 0 in a polygon around the origin from the positive x axis to ``angle``.

    ``exact`` is a function of R and PHI that is harmonic; ``slopes`` are the edges on which its normal
    derivative vanishes and is prescribed. The first edge leads out along the x axis, the last back.
    """
    count = 2 + int(np.ceil(float(angle) / (np.pi / 4)))
    turns = np.linspace(0, float(angle), count)
    rim = [(float(np.cos(a)), float(np.sin(a))) for a in turns]
    domain = pk.Polygon([(0.0, 0.0), *rim])
    half = angle / 2
    along, across = x * sp.cos(half) + y * sp.sin(half), y * sp.cos(half) - x * sp.sin(half)
    solution = exact.subs({R: sp.sqrt(x**2 + y**2), PHI: half + sp.atan2(across, along)})
    names = domain.boundary_names
    free = {"first": names[0], "last": names[-1]}
    conditions = [pk.Neumann(u, 0, where=free[s]) for s in slopes]
    held = [n for n in names if n not in {free[s] for s in slopes}]
    # The sides of the corner are given apart from the rim, as somebody would who does not know the solution.
    conditions += [pk.Dirichlet(u, solution, where=n) for n in held]
    return pk.Problem(
        name=name, domain=domain, equations=[sp.Eq(-pk.laplacian(u), 0)], conditions=conditions,
        exact={u: solution},
    )  # fmt: skip


def power(exponent: sp.Expr, wave=sp.sin) -> sp.Expr:
    """r^α sin(αφ)."""
    return R**exponent * wave(exponent * PHI)


def step() -> pk.Problem:
    """Prescribed values that jump from 0 to 1 in a right angle: u = 2φ/π."""
    domain = pk.Polygon([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
    solution = 2 * sp.atan2(y, x) / sp.pi
    sides = {"edge1": sp.S.Zero, "edge2": solution, "edge3": solution, "edge4": sp.S.One}
    return pk.Problem(
        name="step", domain=domain, equations=[sp.Eq(-pk.laplacian(u), 0)],
        conditions=[pk.Dirichlet(u, value, where=side) for side, value in sides.items()], exact={u: solution},
    )  # fmt: skip


def layer() -> pk.Problem:
    """A circular layer of width 1/40 in the square."""
    solution = sp.tanh(40 * (sp.sqrt((x + 0.2) ** 2 + y**2) - sp.Rational(7, 10)))
    return pk.manufactured("layer", UNIT, [-pk.laplacian(u)], {u: solution})


def peak() -> pk.Problem:
    """A narrow peak, with reaction."""
    solution = sp.exp(-200 * ((x - 0.3) ** 2 + (y - 0.6) ** 2)) + x
    return pk.manufactured("peak", UNIT, [-pk.laplacian(u) + u], {u: solution})


def torus() -> pk.Problem:
    """A periodic square."""
    solution = sp.exp(sp.sin(2 * sp.pi * x)) * sp.cos(4 * sp.pi * y)
    return pk.manufactured("torus", UNIT, [-pk.laplacian(u) + u], {u: solution}, "periodic")


def problems() -> list[pk.Problem]:
    """Every problem."""
    quarter = sp.pi / 4
    return [
        known.poisson_disk(), known.poisson_square(), known.nonlinear_poisson(), known.minimal_surface(),
        known.convection_robin(), known.elasticity(), known.steep(), known.heat_disk(),
        known.travelling_wave(),
        known.reaction_diffusion(), known.wave(), known.advection(), known.wave_and_heat(),
        sector("corner_315", 7 * quarter, power(sp.Rational(4, 7))),
        sector("slopes_270", 6 * quarter, power(sp.Rational(2, 3), sp.cos), ("first", "last")),
        sector("change_180", 4 * quarter, power(sp.Rational(1, 2)), ("last",)),
        sector("change_270", 6 * quarter, power(sp.Rational(1, 3)), ("last",)),
        step(), layer(), peak(), torus(),
    ]  # fmt: skip


def true_errors(reference: FemReference, problem: pk.Problem) -> dict[str, float]:
    """Relative errors: by quadrature on the mesh where the problem is steady, else at scattered points."""
    if problem.time is not None:
        return known.true_error(reference, problem)
    return {name: known.relative_error(reference.solution, problem, name) for name in problem.exact or ()}
