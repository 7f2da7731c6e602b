"""What problem files can say, and the settings beside them."""

from __future__ import annotations

import sympy as sp

import pinnkit.declare as pk
from pinnkit.declare.errors import Place
from pinnkit.geometry import Disk, Interval, Rectangle

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)

FULL = """\
name: full
coordinates: [x, y]
unknowns: [u, a: {infer: true, of: [x]}]
parameters:
  k: 2
  nu: {value: 0.01/pi, infer: true, bounds: [0, 1]}
definitions:
  flux: a*grad(u)
  f: sin(pi*x)
domain:
  difference:
    - rectangle: {lower: [0, 0], upper: ["2*pi", 1], names: {left: inlet}}
    - disk: {center: [1, 0.5], radius: 1/4, name: hole}
equations:
  balance: -div(flux) + nu*u = k*f
conditions:
  - dirichlet: {u: 0, a: 1}
    where: inlet
  - {neumann: {u: n_x*y}, where: right}
  - {robin: {u: [1, k, f]}, where: hole}
  - {flux: {balance: 0}, where: top}
  - {expression: "dot(grad(u), n) - u**2", where: bottom}
  - {point: {u: 1.5, at: [0.5, 0.5]}}
observations:
  - {file: sensors.csv, unknown: u, noise: 0.01, columns: {u: temperature}}
solver:
  name: pinn
  network: {width: 30, depth: 4}
  optimizer: [adam, ssbroyden]
reference:
validate: {tolerance: 1.0e-3}
"""


def test_everything_at_once(tmp_path) -> None:
    problem = pk.read_text(FULL, "full.yaml", tmp_path).problem
    a = pk.unknown("a", x, infer=True)
    k, nu = pk.parameter("k", 2), pk.parameter("nu", 0.01 / sp.pi, infer=True, bounds=(0, 1))
    f, n_x, n_y = sp.sin(sp.pi * x), pk.normal(x), pk.normal(y)
    inlet = Rectangle((0, 0), (2 * sp.pi, 1), names={"left": "inlet"})
    assert problem == pk.Problem(
        "full",
        inlet - Disk((1, 0.5), 0.25, name="hole"),
        {"balance": sp.Eq(-pk.div(a * pk.grad(u)) + nu * u, k * f)},
        [
            pk.Dirichlet(u, 0, "inlet"),
            pk.Dirichlet(a, 1, "inlet"),
            pk.Neumann(u, n_x * y, "right"),
            pk.Robin(u, 1, k, f, "hole"),
            pk.Flux("balance", 0, "top"),
            pk.Condition(n_x * u.diff(x) + n_y * u.diff(y) - u**2, "bottom"),
            pk.PointValue(u, 1.5, (0.5, 0.5)),
        ],
        [pk.Observations(u, str(tmp_path / "sensors.csv"), 0.01, (("u", "temperature"),))],
    )
    assert problem.equations[0].place == Place("full.yaml", 15, 12)
    assert problem.conditions[1].place == Place("full.yaml", 17, 23)


def test_short_intervals_and_the_name_of_the_file() -> None:
    text = "coordinates: [x]\nunknowns: [u]\ndomain: {interval: [0, 1]}\nequations: [u_x = 1]\n"
    problem = pk.read_text(text, "folder/slope.yaml").problem
    assert problem.name == "slope"
    assert problem.domain == Interval(0, 1)


def test_settings_know_their_lines() -> None:
    settings = pk.read_text(FULL, "full.yaml").settings
    assert settings.to_dict() == {
        "solver": {"name": "pinn", "network": {"width": 30, "depth": 4}, "optimizer": ["adam", "ssbroyden"]},
        "reference": {},
        "validate": {"tolerance": 1e-3},
    }
    assert settings.get("output") is None
    assert settings.place("solver") == Place("full.yaml", 26, 1)
    assert settings.place("solver", "network", "width") == Place("full.yaml", 28, 13)
    assert settings.place(("solver", "optimizer", 1)) == Place("full.yaml", 29, 21)
    assert settings.place("solver", "network", "breadth") == settings.place("solver", "network")
    assert settings.place("output") is None


def test_yaml_1_2_words_are_words() -> None:
    text = (
        "name: on\ncoordinates: [y]\nunknowns: [no]\ndomain: {interval: [0, 1]}\n"
        "equations: [no_y = 12]\nvalidate: {a: yes, b: 0o17, c: 1e3, d: ~, e: 12:30, f: 2026-01-02}\n"
    )
    declaration = pk.read_text(text)
    assert declaration.problem.name == "on"
    assert declaration.settings["validate"] == {
        "a": "yes", "b": "0o17", "c": 1000.0, "d": None, "e": "12:30", "f": "2026-01-02",
    }  # fmt: skip


def test_greek_letters_have_one_spelling() -> None:
    # The micro sign and the Greek letter look alike; expressions know one of them.
    text = (
        "name: greek\ncoordinates: [x]\nunknowns: [φ]\nparameters: {µ: 2}\ndomain: {interval: [0, 1]}\n"
        'equations: ["φ_x = μ*µ"]\n'
    )
    problem = pk.read_text(text).problem
    assert [p.name for p in problem.parameters] == ["μ"]
    assert pk.read_text(problem.to_yaml()).problem == problem


def test_a_byte_order_mark_does_no_harm(tmp_path) -> None:
    path = tmp_path / "full.yaml"
    (tmp_path / "sensors.csv").write_text("x,y,temperature\n")
    path.write_text(FULL, encoding="utf-8-sig")
    assert pk.read(path).problem.name == "full"
