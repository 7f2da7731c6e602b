"""Every kind of problem in time that a declaration can say, against solutions known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.fields import DiscreteField
from pinnkit.reference.meshing import Meshes

from .problems import UNIT, t, w, x, y, z
from .test_kinds_steady import error

u, v, p, heat = (pk.unknown(name, x, y, t) for name in ("u", "v", "p", "T"))
LINE = pk.Interval(0, 1)
D = sp.diff


def integrated(problem: pk.Problem, degree: int, size: float, tolerance: float = 1e-7, steps: int = 0):
    """The discrete solution on one mesh: ``steps`` equal ones where it is of second order in time."""
    mesh = Meshes(problem.domain, degree).first(size)
    return Discretisation(derive(problem), mesh, degree).integrate(tolerance, steps)


def stated(equations, conditions, domain: pk.Shape = UNIT) -> pk.Problem:
    return pk.Problem(name="kind", domain=domain, equations=equations, conditions=conditions)


def starts(exact: dict) -> list[pk.Initial]:
    return [pk.Initial(f, sp.sympify(e).subs(t, 0)) for f, e in exact.items()]


GRAY_SCOTT = (
    [
        D(u, t) - pk.laplacian(u) / 20 + u * v**2 - (1 - u) / 25,
        D(v, t) - pk.laplacian(v) / 40 - u * v**2 + v / 10,
    ],
    {
        u: 1 + sp.exp(-t) * sp.cos(2 * sp.pi * x) * sp.cos(2 * sp.pi * y) / 2,
        v: sp.Rational(1, 2) + sp.exp(-t) * sp.sin(2 * sp.pi * x) / 4,
    },
)
SCHNAKENBERG = (
    [
        D(u, t) - pk.laplacian(u) / 10 - (sp.Rational(1, 10) - u + u**2 * v),
        D(v, t) - pk.laplacian(v) - (sp.Rational(9, 10) - u**2 * v),
    ],
    {
        u: 1 + sp.exp(-t) * sp.cos(sp.pi * x) * sp.cos(sp.pi * y) / 2,
        v: sp.Rational(1, 2) + sp.exp(-t) * sp.cos(sp.pi * x) / 4,
    },
)


@pytest.mark.parametrize(
    ("case", "conditions"), [(GRAY_SCOTT, "periodic"), (SCHNAKENBERG, "neumann")],
    ids=["Gray–Scott", "Schnakenberg"],
)  # fmt: skip
def test_reaction_and_diffusion_of_two_species(case, conditions):
    operators, exact = case
    problem = pk.manufactured("species", UNIT, operators, exact, conditions)
    assert error(integrated(problem, 3, 0.125, 1e-5), problem, exact) <= 5e-4


PULSE = sp.sin(sp.pi * x) * sp.exp(-t) * sp.cos(sp.pi * t)


@pytest.mark.parametrize(
    ("operator", "exact", "conditions"),
    [
        (D(w, t, 2) + 2 * D(w, t) + w - D(w, x, 2), PULSE, "dirichlet"),
        (D(w, t, 2) - D(w, x, 2) + w**3, x * sp.cos(5 * t), "dirichlet"),
        (D(w, t, 2) - D(w, x, 2), sp.cos(sp.pi * x) * sp.cos(sp.pi * t) + t**2, "neumann"),
    ],
    ids=["telegraph", "Klein–Gordon", "free ends"],
)
def test_waves_along_a_line(operator, exact, conditions):
    problem = pk.manufactured("wave", LINE, [operator], {w: exact}, conditions)
    assert error(integrated(problem, 4, 0.0625, steps=64), problem, {w: exact}) <= 1e-6


def test_wave_in_the_plane():
    exact = {u: sp.sin(sp.pi * x) * sp.sin(sp.pi * y) * sp.cos(sp.sqrt(2) * sp.pi * t)}
    problem = pk.manufactured("drum", UNIT, [D(u, t, 2) - pk.laplacian(u)], exact)
    assert error(integrated(problem, 3, 0.125, steps=32), problem, exact) <= 1e-4


def test_vibrating_beam():
    """u_tt + m_xx = 0 with m = u_xx: second order in time for one unknown of two."""
    m = pk.unknown("m", x, t)
    exact = {w: sp.sin(sp.pi * x) * sp.cos(sp.pi**2 * t)}
    exact[m] = D(exact[w], x, 2)
    conditions = [
        pk.Dirichlet(w, 0),
        pk.Dirichlet(m, 0),
        pk.Initial(w, sp.sin(sp.pi * x)),
        pk.InitialRate(w, 0),
    ]
    problem = stated([sp.Eq(D(w, t, 2) + D(m, x, 2), 0), sp.Eq(m, D(w, x, 2))], conditions, LINE)
    assert error(integrated(problem, 4, 0.125, 1e-4), problem, exact) <= 1e-3


@pytest.mark.parametrize(
    ("operator", "exact"),
    [
        (
            (1 + t) * D(w, t) - (2 + sp.sin(3 * t)) * D(w, x, 2) + sp.cos(t) * w,
            sp.exp(-t) * sp.sin(2 * x) + 1,
        ),
        (D(w, t) - D(w**2, x, 2), 1 + sp.exp(-t) * sp.sin(sp.pi * x) / 2),
    ],
    ids=["coefficients of time", "porous medium"],
)
def test_diffusion_along_a_line(operator, exact):
    problem = pk.manufactured("line", LINE, [operator], {w: exact})
    assert error(integrated(problem, 4, 0.125), problem, {w: exact}) <= 1e-5


def test_waves_as_a_system_of_first_order():
    """w_t + z_x = 0 and z_t + w_x = 0: one characteristic enters at each end."""
    exact = {w: sp.sin(sp.pi * x) * sp.cos(sp.pi * t), z: -sp.cos(sp.pi * x) * sp.sin(sp.pi * t)}
    equations = [sp.Eq(D(w, t) + D(z, x), 0), sp.Eq(D(z, t) + D(w, x), 0)]
    problem = stated(equations, [pk.Dirichlet(w, 0), *starts(exact)], LINE)
    assert error(integrated(problem, 4, 0.0625), problem, exact) <= 1e-5


VISCOSITY = sp.Rational(1, 20)


def flow_equations(force: sp.Expr = sp.S.Zero) -> list[sp.Eq]:
    """Navier–Stokes with a force upwards."""
    carried = [pk.material_derivative(c, (u, v)) for c in (u, v)]
    return [
        sp.Eq(carried[0] + D(p, x) - VISCOSITY * pk.laplacian(u), 0),
        sp.Eq(carried[1] + D(p, y) - VISCOSITY * pk.laplacian(v), force),
        sp.Eq(D(u, x) + D(v, y), 0),
    ]


def vortices() -> dict:
    """Taylor & Green (1937)."""
    decay = sp.exp(-2 * sp.pi**2 * VISCOSITY * t)
    return {
        u: -sp.cos(sp.pi * x) * sp.sin(sp.pi * y) * decay,
        v: sp.sin(sp.pi * x) * sp.cos(sp.pi * y) * decay,
        p: -(sp.cos(2 * sp.pi * x) + sp.cos(2 * sp.pi * y)) * decay**2 / 4,
    }


class TestFlow:
    """Incompressibility makes u, v and p a differential-algebraic system of index two."""

    def solution(self, exact: dict, initial: list[pk.Initial]) -> tuple[DiscreteField, pk.Problem]:
        held = [pk.Dirichlet(c, exact[c]) for c in (u, v)]
        problem = stated(flow_equations(), [*held, *initial])
        return integrated(problem, 3, 0.25, 1e-4), problem

    def test_decaying_vortices(self):
        exact = vortices()
        found, problem = self.solution(exact, starts({c: exact[c] for c in (u, v)}))
        assert error(found, problem, {c: exact[c] for c in (u, v)}) <= 2e-3
        assert error(found, problem, {p: exact[p]}, loose="p") <= 5e-2

    def test_a_start_with_divergence_is_projected(self):
        """∇φ added to the start is an impulse of pressure: the flow is that of the part without it."""
        exact = vortices()
        bump = sp.sin(sp.pi * x) ** 2 * sp.sin(sp.pi * y) ** 2 / 10
        initial = [pk.Initial(c, exact[c].subs(t, 0) + D(bump, a)) for c, a in ((u, x), (v, y))]
        found, _ = self.solution(exact, initial)
        points = np.random.default_rng(0).uniform((0.1, 0.1, 0.2), (0.9, 0.9, 1.0), (400, 3))
        ours = found.evaluate(points)
        for field in (u, v):
            wanted = sp.lambdify((x, y, t), exact[field])(*points.T)
            assert np.abs(ours[field.func.__name__] - wanted).max() <= 1e-2

    def test_taylor_hood_beside_a_temperature(self):
        """Boussinesq: the pressure alone is taken one degree lower."""
        carried = pk.material_derivative(heat, (u, v))
        equations = [*flow_equations(5 * heat), sp.Eq(carried - pk.laplacian(heat), 0)]
        held = [pk.Dirichlet(f, 0) for f in (u, v, heat)]
        problem = stated(equations, [*held, *(pk.Initial(f, 0) for f in (u, v, heat))])
        system = derive(problem)
        assert [system.names[k] for k in system.lowered] == ["p"]
        assert {system.names[k] for k in system.differential} == {"u", "v", "T"}
        # Ordered as without convection, its factors fill up and this takes a minute.
        found = integrated(problem, 3, 0.125, 1e-2)
        assert np.isfinite(found.evaluate(np.array([[0.5, 0.5, 1.0]]))["p"]).all()


def test_taylor_hood_in_space():
    z_axis = pk.coordinates("z")
    space = (x, y, z_axis)
    *velocity, pressure = (pk.unknown(name, *space) for name in ("u", "v", "w", "p"))
    momentum = [sp.Eq(-pk.laplacian(c) + D(pressure, a), 0) for c, a in zip(velocity, space, strict=True)]
    balance = sp.Eq(sp.Add(*(D(c, a) for c, a in zip(velocity, space, strict=True))), 0)
    cube = pk.Box((0, 0, 0), (1, 1, 1))
    system = derive(stated([*momentum, balance], [pk.Dirichlet(c, 0) for c in velocity], cube))
    assert [system.names[k] for k in system.lowered] == ["p"]
