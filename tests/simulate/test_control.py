"""Controls: least effort against closed forms, targets met, boundary controls, and what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare import read_text
from pinnkit.forms import FormUnavailable
from pinnkit.simulate.control_basis import ControlBasis

x = pk.coordinates("x")
t = pk.time("t", 0, 0.5)
u, f = pk.unknown("u", x, t), pk.unknown("f", x, t, infer=True)
D = sp.Derivative
K = sp.Rational(1, 10)


def heated(objective, conditions=None):
    return pk.Problem(
        "heated", pk.Interval(0, 1), [D(u, t) - K * D(u, (x, 2)) - f],
        [pk.Initial(u, 0), *(conditions or [pk.Dirichlet(u, 0)])], objective=objective,
    )  # fmt: skip


def test_least_effort_is_that_of_the_mode_it_excites():
    problem = heated(pk.Objective(running=f**2, target={u: sp.sin(sp.pi * x)}, tolerance=1e-2))
    solution = pk.solve(problem, solver="diffsim", cells=16, intervals=4, progress=False)
    # a' = −λa + q from 0 to 1 with ∫q² least: q = 2λ e^{−λ(T−t)}/(1 − e^{−2λT})
    decay, end = float(K) * np.pi**2, 0.5
    at = np.array([[0.5, 0.0], [0.5, 0.3], [0.25, 0.5]])
    expected = 2 * decay * np.exp(-decay * (end - at[:, 1])) / (1 - np.exp(-2 * decay * end))
    assert solution.evaluate(at)["f"] == pytest.approx(expected * np.sin(np.pi * at[:, 0]), rel=1e-2)
    assert solution.evaluate([[0.5, 0.5]])["u"] == pytest.approx(1, abs=2e-3)
    assert any("the target is missed by" in note for note in solution.record.notes)


def test_a_boundary_control_of_time_alone():
    g = pk.unknown("g", t, infer=True)
    problem = pk.Problem(
        "ends", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2))],
        [pk.Initial(u, 0), pk.Neumann(u, 0, where="left"), pk.Dirichlet(u, g, where="right")],
        objective=pk.Objective(running=g**2 / 10**4, final=(u - 1) ** 2),
    )  # fmt: skip
    solution = pk.solve(problem, solver="diffsim", cells=12, intervals=4, progress=False)
    ends = solution.evaluate([[0.0, 0.5], [0.5, 0.5], [0.9, 0.5]])
    assert ends["u"] == pytest.approx([1, 1, 1], abs=0.05)
    end = solution.evaluate([[1.0, 0.2]])
    assert end["u"] == pytest.approx(end["g"], abs=1e-3)


def test_coefficients_have_the_size_of_the_control():
    basis = ControlBasis(heated(pk.Objective(running=f**2)), "f", 4)
    theta = np.random.default_rng(0).normal(size=np.prod(basis.shape))
    with jax.enable_x64(True):
        field = basis.field(theta)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    grid = np.stack(np.meshgrid((nodes + 1) / 2, (nodes + 1) / 4, indexing="ij"), -1).reshape(-1, 2)
    total = (field(grid)["f"].reshape(40, 40) ** 2 * np.outer(weights, weights)).sum() / 8
    assert total == pytest.approx(theta @ theta, rel=1e-3)


YAML = """
name: heated
coordinates: [x]
time: {t: [0, 0.5]}
unknowns: [u, {f: {infer: true, of: [x, t]}}]
domain: {interval: [0, 1]}
equations: ["u_t = u_xx/10 + f"]
conditions: [{initial: {u: 0}}, {dirichlet: {u: 0}, where: boundary}]
objective: {running: "f**2", target: {u: "sin(pi*x)"}, tolerance: 1.0e-3}
"""


def test_problem_files_state_objectives():
    problem = read_text(YAML).problem
    assert problem.objective == pk.Objective(f**2, target={u: sp.sin(sp.pi * x)}, tolerance=1e-3)
    assert read_text(problem.to_yaml()).problem == problem
    other = read_text(YAML.replace("f**2", "f**4")).problem
    assert other.digest != problem.digest


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (pk.Objective(), "it is empty"),
        (pk.Objective(running=u**2, target={u: u}), "a target holds u"),
        (pk.Objective(target={f: 0}), "has a target"),
        (pk.Objective(running=f**2, tolerance=2), "tolerance is 2"),
    ],
)
def test_objectives_that_ask_nothing_are_refused(objective, words):
    with pytest.raises(pk.DeclarationError, match=words):
        heated(objective)


def test_an_objective_without_a_control_is_refused():
    with pytest.raises(pk.DeclarationError, match="no control"):
        pk.Problem(
            "free", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2))], [pk.Initial(u, 0), pk.Dirichlet(u, 0)],
            objective=pk.Objective(final=u**2),
        )  # fmt: skip


def test_other_solvers_do_not_pass_over_an_objective():
    with pytest.raises(pk.DeclarationError, match="no objective"):
        pk.solve(heated(pk.Objective(running=f**2)), solver="pinn", progress=False)


def test_slopes_in_the_objective_are_refused():
    problem = heated(pk.Objective(running=u.diff(x) ** 2 + f**2))
    with pytest.raises(Exception, match="in the unknowns and the controls themselves") as fault:
        pk.solve(problem, solver="diffsim", cells=8, intervals=2, progress=False)
    assert isinstance(fault.value.__cause__.__cause__, FormUnavailable)
