"""A solved problem of each kind that a report draws differently."""

from types import SimpleNamespace

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solution import Record, Solution

STRANGE = 'rim </style><script>alert("x")</script> $\\frac{ &amp;'


def history():
    iteration = np.arange(1, 41)
    return {
        "iteration": iteration,
        "loss": np.exp(-iteration / 5.0),
        "loss_equation": np.exp(-iteration / 5.0) / 2,
        "error_u": np.where(iteration % 10 == 0, np.exp(-iteration / 10.0), np.nan),
        "stage": np.where(iteration < 20, "adam", "ssbroyden"),
    }


def solved(problem, function):
    record = Record(
        "pinn",
        options={"network": {"width": 30}, "optimizer": ["adam", "ssbroyden"]},
        versions={"numpy": "2.0"},
        history=history(),
        timing={"wall": 12.3, "compile": 4.5},
        parameter_count=1234,
        notes=("u = 0 on left holds exactly.",),
    )
    solution = Solution(problem, function, record)
    reference = SimpleNamespace(
        kind="fem", names=problem.unknown_names, error_bar=dict.fromkeys(problem.unknown_names, 1e-6),
        notes=("P2 elements.",), seconds=2.0,
        evaluate=lambda p: {name: v * 1.0001 for name, v in function(p).items()},
    )  # fmt: skip
    return solution, reference


def line():
    x = pk.coordinates("x")
    u = pk.unknown("u", x)
    problem = pk.Problem("line", pk.Interval(0, 1), [-sp.Derivative(u, (x, 2)) - 1], [pk.Dirichlet(u, 0)])
    return solved(problem, lambda p: {"u": p[:, 0] * (1 - p[:, 0])})


def space_time():
    x, t = pk.coordinates("x"), pk.time("t", 0, 1)
    u, a = pk.unknown("u", x, t), pk.unknown("a", x, infer=True)
    problem = pk.Problem(
        "heat",
        pk.Interval(0, 1),
        [sp.Eq(sp.Derivative(u, t), pk.parameter("nu", 0.5) * a * sp.Derivative(u, (x, 2)))],
        [pk.Dirichlet(u, 0), pk.Initial(u, sp.sin(sp.pi * x)), pk.Dirichlet(a, 1)],
        observations=[pk.Observations(u, "sensors.csv")],
    )
    return solved(problem, lambda p: {"u": np.sin(np.pi * p[:, 0]) * np.exp(-p[:, 1]), "a": 1 + p[:, 0]})


def holed():
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    domain = pk.Rectangle((-1, -1), (1, 1), name="outer") - pk.Disk((0, 0), 0.5, name=STRANGE)
    problem = pk.Problem(
        "holed",
        domain,
        {"balance <b>": -pk.laplacian(u) + u**2, "second": pk.laplacian(pk.unknown("v", x, y))},
        [pk.Dirichlet(u, x, "outer"), pk.Neumann(u, 0, STRANGE), pk.Dirichlet(pk.unknown("v", x, y), 0)],
    )
    return solved(problem, lambda p: {"u": p[:, 0], "v": p[:, 1] + 3})


def moving():
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y, t := pk.time("t", 0, 1))
    problem = pk.Problem(
        "moving", pk.Disk((0, 0), 1), [sp.Eq(sp.Derivative(u, t), pk.laplacian(u))],
        [pk.Robin(u, 1, 2, 3), pk.Initial(u, x)],
    )  # fmt: skip
    return solved(problem, lambda p: {"u": p[:, 0] * (1 - p[:, 2])})


def ball():
    u = pk.unknown("u", *pk.coordinates("x y z"))
    problem = pk.Problem("ball", pk.Ball((0, 0, 0), 1), [-pk.laplacian(u) - 1], [pk.Dirichlet(u, 0)])
    return solved(problem, lambda p: {"u": 1 - (p**2).sum(axis=1)})


@pytest.fixture(params=[line, space_time, holed, moving, ball], ids=lambda make: make.__name__)
def every_kind(request):
    return request.param()


@pytest.fixture
def strange():
    return holed()


@pytest.fixture
def simple():
    return line()
