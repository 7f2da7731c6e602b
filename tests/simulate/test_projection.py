"""Incompressible flow: exact solutions, what the projection keeps, controls, and what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable
from pinnkit.simulate.choose import choose
from pinnkit.simulate.correction import Stepper
from pinnkit.simulate.forward import ForwardOptions, simulate
from pinnkit.simulate.projection import Projection
from pinnkit.simulate.simulator import declared_inputs

x, y, z = pk.coordinates("x y z")
t = pk.time("t", 0, 0.2)
u, v, p = (pk.unknown(name, x, y, t) for name in "uvp")
NU = sp.Rational(1, 20)
SQUARE = pk.Rectangle((0, 0), (1, 1))
# The vortex of Taylor & Green (1937).
FADING = sp.exp(-2 * NU * t)
VORTEX = {
    u: sp.cos(x) * sp.sin(y) * FADING,
    v: -sp.sin(x) * sp.cos(y) * FADING,
    p: -(sp.cos(2 * x) + sp.cos(2 * y)) / 4 * FADING**2,
}


def flow(convected=True, force=(0, 0), density=1):
    """Momentum and continuity of a flow in the plane."""
    rows = []
    for state, axis, pushed in zip((u, v), (x, y), force, strict=True):
        carried = u * state.diff(x) + v * state.diff(y) if convected else 0
        rows.append(state.diff(t) + carried + p.diff(axis) / density - NU * pk.laplacian(state) - pushed)
    return [*rows, u.diff(x) + v.diff(y)]


def begun(exact):
    return [pk.Initial(state, exact[state].subs(t, 0)) for state in (u, v)]


def errors(problem, exact, cells):
    field = simulate(problem, ForwardOptions(points=cells)).field
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (1000, 3))
    values = field(points)
    found = []
    for name, expected in exact.items():
        truth = sp.lambdify((x, y, t), expected)(*points.T)
        off = values[name.func.__name__] - truth
        found.append(np.linalg.norm(off) / np.linalg.norm(truth))
    return np.array(found)


def periodic():
    square = pk.Rectangle((0, 0), (2 * sp.pi, 2 * sp.pi))
    return pk.Problem("vortex", square, flow(), [*begun(VORTEX), pk.Periodic(x), pk.Periodic(y)])


def walled(exact, equations, **conditions):
    """Velocities given on all sides but those of ``conditions``, and the pressure at a point."""
    sides = [
        conditions.get(side) or [pk.Dirichlet(state, exact[state], side) for state in (u, v)]
        for side in ("left", "right", "bottom", "top")
    ]
    point = pk.PointValue(p, exact[p].subs({x: 1, y: 0.5}), at=(1, 0.5))
    return pk.Problem(
        "walled", pk.Rectangle((0, 0), (2, 1)), equations,
        [*begun(exact), *(c for side in sides for c in side), point],
    )  # fmt: skip


def test_the_vortex_decays_as_it_should_without_walls():
    problem = periodic()
    name, _, reason = choose(problem)
    assert (name, reason) == ("projection", "an incompressible flow")
    rows = [errors(problem, VORTEX, cells) for cells in (16, 32)]
    assert np.log2(rows[0] / rows[1]) == pytest.approx(2, abs=0.1)
    assert rows[1].max() < 6e-3


def test_manufactured_flow_with_moving_walls_and_a_density():
    stream = sp.sin(x + 2 * t) * sp.exp(y) / 2
    exact = {u: sp.diff(stream, y), v: -sp.diff(stream, x), p: sp.cos(3 * x) * (y + t)}
    states = (u, v)
    force = [
        sp.diff(exact[s], t) + exact[u] * sp.diff(exact[s], x) + exact[v] * sp.diff(exact[s], y)
        + sp.diff(exact[p], axis) / 4 - NU * (sp.diff(exact[s], x, 2) + sp.diff(exact[s], y, 2))
        for s, axis in zip(states, (x, y), strict=True)
    ]  # fmt: skip
    # On the top the shear is given and not the speed along it.
    top = [pk.Dirichlet(v, exact[v], "top"), pk.Neumann(u, sp.diff(exact[u], y), "top")]
    problem = walled(exact, flow(force=force, density=4), top=top)
    rows = [errors(problem, exact, cells) for cells in (16, 32)]
    assert np.log2(rows[0] / rows[1]).min() > 1.7
    assert rows[1].max() < 3e-3


def test_no_step_leaves_a_divergence_in_three_dimensions():
    velocity = [pk.unknown(name, x, y, z, t) for name in "uvw"]
    q = pk.unknown("q", x, y, z, t)
    rows = [
        s.diff(t) + sum(c * s.diff(a) for c, a in zip(velocity, (x, y, z), strict=True))
        + q.diff(axis) - NU * pk.laplacian(s)
        for s, axis in zip(velocity, (x, y, z), strict=True)
    ]  # fmt: skip
    still = [pk.Initial(s, sp.sin(sp.pi * (x + k * y) * z)) for k, s in enumerate(velocity)]
    problem = pk.Problem(
        "box", pk.Box((0, 0, 0), (1, 1, 1)),
        [*rows, sum(s.diff(a) for s, a in zip(velocity, (x, y, z), strict=True))],
        [*still, pk.Periodic(x),
         *(pk.Dirichlet(s, 0, w) for s in velocity for w in ("front", "back", "bottom", "top"))],
    )  # fmt: skip
    simulator, inputs = Projection(problem, (8, 6, 10)), declared_inputs(problem)

    def divergence(values, times):
        rows = zip(values, simulator.grid.spacing, range(3), strict=True)
        return sum((simulator._upper(v, a, times, 0.0, inputs) - v) / h for v, h, a in rows)

    start = simulator.start(inputs)
    assert np.abs(divergence(start, 0)).max() < 1e-12
    rate = jax.jit(simulator.rate)(0.0, start, inputs)
    assert np.abs(rate).max() > 0.1
    assert np.abs(divergence(rate, 1)).max() < 1e-10


def test_a_force_is_found_that_brings_a_flow_to_its_target():
    force = pk.unknown("force", t, infer=True)
    equations = flow(convected=False, force=(force * sp.sin(sp.pi * y), 0))
    problem = pk.Problem(
        "pushed", SQUARE, equations,
        [pk.Initial(u, 0), pk.Initial(v, 0), pk.Periodic(x),
         *(pk.Dirichlet(s, 0, wall) for s in (u, v) for wall in ("bottom", "top"))],
        objective=pk.Objective(running=force**2 / 10**6, final=(u - sp.sin(sp.pi * y) / 10) ** 2),
    )  # fmt: skip
    solution = pk.solve(problem, solver="diffsim", cells=12, intervals=3, progress=False)
    assert solution.evaluate([[0.3, 0.5, 0.2], [0.8, 0.5, 0.2]])["u"] == pytest.approx([0.1, 0.1], rel=0.03)


def test_an_inferred_force_stands_where_its_component_does():
    # A field of space is handed over at the centres of cells, and the component stands on their faces.
    given = sp.sin(2 * sp.pi * x) * sp.cos(2 * sp.pi * y)
    force = pk.unknown("force", x, y, infer=True)
    still = [pk.Initial(u, 0), pk.Initial(v, 0), pk.Periodic(x), pk.Periodic(y)]
    told = pk.Problem("told", SQUARE, flow(force=(given, 0)), still)
    asked = pk.Problem("asked", SQUARE, flow(force=(force, 0)), still, [pk.Observations(u, "unread.csv")])
    rates = []
    for problem in (told, asked):
        simulator, inputs = Projection(problem, (32, 32)), declared_inputs(problem)
        mesh = simulator.grid.mesh()
        fields = {j: sp.lambdify((x, y), given)(*mesh) for j in simulator.form.jets if j.unknown == "force"}
        rates.append(simulator.rate(0.0, simulator.start(inputs), inputs._replace(fields=fields)))
    assert np.abs(rates[0] - rates[1]).max() < 6e-3
    assert np.abs(rates[0]).max() > 0.4


def test_what_is_no_incompressible_flow_is_refused_by_name():
    compressible = [*flow()[:2], p.diff(t) + u.diff(x) + v.diff(y) - pk.laplacian(u)]
    start = [*begun(VORTEX), pk.Periodic(x), pk.Periodic(y)]
    problem = pk.Problem("p", SQUARE, compressible, [*start, pk.Initial(p, 0)])
    with pytest.raises(FormUnavailable, match="no single equation says that the divergence"):
        choose(problem, "projection")[1](problem, (8, 8))
    varying = [flow()[0] + x * p.diff(x), *flow()[1:]]
    problem = pk.Problem("p", SQUARE, varying, start)
    with pytest.raises(FormUnavailable, match="coefficients that vary"):
        choose(problem)


@pytest.mark.parametrize(
    ("right", "reason"),
    [
        ([pk.Neumann(u, 0, "right"), pk.Dirichlet(v, 0, "right")], "u needs a value on 'right'"),
        ([pk.Dirichlet(u, 1, "right"), pk.Dirichlet(v, 0, "right")], "have the integral 1"),
        (
            [pk.Dirichlet(u, 0, "right"), pk.Dirichlet(v, 0, "right"), pk.Dirichlet(p, 0, "right")],
            "p is given on a boundary",
        ),
    ],
)
def test_walls_that_let_fluid_out_are_refused(right, reason):
    walls = [pk.Dirichlet(s, 0, side) for s in (u, v) for side in ("left", "bottom", "top")]
    start = [pk.Initial(u, 0), pk.Initial(v, 0)]
    problem = pk.Problem("p", SQUARE, flow(), [*start, *walls, *right])
    with pytest.raises(FormUnavailable, match=reason):
        Projection(problem, (8, 8))


def test_corrections_and_implicit_linear_parts_are_refused():
    problem = periodic()
    with pytest.raises(FormUnavailable, match="on the faces of cells"):
        Stepper(Projection(problem, (8, 8)), 0.1, 1)
    with pytest.raises(FormUnavailable, match="imex"):
        simulate(problem, ForwardOptions(points=8, scheme="imex"))
