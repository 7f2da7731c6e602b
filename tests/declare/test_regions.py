"""Coefficients by region: in Python and in problem files, bound to the regions of a mesh file."""

from __future__ import annotations

import meshio
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.functions import evaluate
from pinnkit.declare.reader import read_text
from pinnkit.declare.regions import InRegion
from pinnkit.driver import run
from pinnkit.driver.numerics import numerics
from pinnkit.forms import strong_form, weak_form
from pinnkit.forms.emit import emit
from pinnkit.reference import FemOptions, fem_reference
from pinnkit.solvers.pinn import Pinn

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
LEFT, RIGHT = 1.0, 100.0


@pytest.fixture
def square(tmp_path):
    """A file of the unit square in 4×4 quadrilaterals, "left" up to x = 1/2 and "right" beyond."""
    axis = np.linspace(0, 1, 5)
    points = np.stack([*np.meshgrid(axis, axis, indexing="ij"), np.zeros((5, 5))], axis=-1).reshape(-1, 3)
    first = (5 * np.arange(4)[:, None] + np.arange(4)).ravel()
    quads = np.stack([first, first + 5, first + 6, first + 1], axis=1)
    sides = {"west": np.arange(5), "east": 20 + np.arange(5)}
    lines = {name: np.stack([row[:-1], row[1:]], axis=1) for name, row in sides.items()}
    cells = [("quad", quads[:8]), ("quad", quads[8:]), *(("line", rows) for rows in lines.values())]
    tags = [np.full(8, 1), np.full(8, 2), np.full(4, 3), np.full(4, 4)]
    names = {"left": [1, 2], "right": [2, 2], "west": [3, 1], "east": [4, 1]}
    meshio.Mesh(
        points, cells, cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
        field_data={name: np.array(pair) for name, pair in names.items()},
    ).write(tmp_path / "a.msh", file_format="gmsh22")
    return pk.MeshFile(tmp_path / "a.msh")


def interface(square, coefficient=None):
    """−(a u′)′ = 0 with u = 0 at x = 0 and 1 at x = 1: the flux is 2a₁a₂/(a₁ + a₂)."""
    a = pk.by_region({"left": LEFT, "right": RIGHT}) if coefficient is None else coefficient
    return pk.Problem(
        name="interface", domain=square, equations=[sp.Eq(-pk.div(a * pk.grad(u)), 0)],
        conditions=[
            pk.Dirichlet(u, 0, where="west"), pk.Dirichlet(u, 1, where="east"), pk.Neumann(u, 0, where="rim")
        ],
    )  # fmt: skip


def exact(points):
    flux = 2 * LEFT * RIGHT / (LEFT + RIGHT)
    return np.where(points[:, 0] < 0.5, flux / LEFT * points[:, 0], 1 - flux / RIGHT * (1 - points[:, 0]))


def test_finite_elements_solve_the_interface_problem_exactly(square):
    reference = fem_reference(interface(square), FemOptions(degree=1, max_dofs=3000), 1e-2)
    points = np.random.default_rng(0).random((500, 2))
    assert reference.evaluate(points)["u"] == pytest.approx(exact(points), abs=1e-12)


def test_values_may_be_expressions_of_place_and_state(square):
    # −∇·(a ∇u) = f with a = 1 + u² on the left and x on the right, u = x² + y.
    truth = x**2 + y
    a = pk.by_region({"left": 1 + u**2, "right": x})
    sources = {
        name: sp.expand(-pk.div(value * pk.grad(u)).subs(u, truth).doit())
        for name, value in (("left", 1 + u**2), ("right", x))
    }
    # The jump of the flux across x = 1/2 would be a source there, so a side each.
    for name, value in (("left", 1 + u**2), ("right", x)):
        (only,) = (n for n in ("left", "right") if n != name)
        one = pk.by_region({name: value, only: value})
        f = pk.by_region({name: sources[name], only: sources[name]})
        problem = pk.Problem(
            "values", square, [sp.Eq(-pk.div((one + 0.1) * pk.grad(u)), f - sp.Rational(1, 10) * 2)],
            [pk.Dirichlet(u, truth, where="boundary")],
        )  # fmt: skip
        reference = fem_reference(problem, FemOptions(degree=2, max_dofs=3000), 1e-2)
        points = np.random.default_rng(0).random((100, 2))
        assert reference.evaluate(points)["u"] == pytest.approx(points[:, 0] ** 2 + points[:, 1], abs=1e-6)
    assert {s.region for s in a.free_symbols if hasattr(s, "region")} == {"left", "right"}


def test_numpy_and_jax_look_regions_up_alike(square):
    import jax
    import jax.numpy as jnp

    problem = interface(square, pk.by_region({"left": 1 + x, "right": 100}))
    (function,) = {f.func for f in problem.equations[0].lhs.atoms(InRegion) if f.func.region == "left"}
    expression = (3 + x) * function(x, y) + 1
    points = np.random.default_rng(0).random((200, 2))
    wanted = np.where(points[:, 0] < 0.5, 4 + points[:, 0], 1)
    assert evaluate(expression, {x: points[:, 0], y: points[:, 1]}) == pytest.approx(wanted)
    assert emit([expression], [x, y], np)(*points.T)[0] == pytest.approx(wanted)
    compiled = emit([expression], [x, y], jnp)
    assert np.asarray(jax.jit(compiled)(*points.T)[0]) == pytest.approx(wanted, rel=1e-6)
    slopes = jax.vmap(jax.grad(lambda a, b: compiled(a, b)[0]))(*map(jnp.asarray, points.T))
    assert np.asarray(slopes) == pytest.approx(np.where(points[:, 0] < 0.5, 1, 0))
    assert sp.diff(function(x, y), x) == 0


def test_forms_take_them_for_coefficients(square):
    problem = interface(square)
    (equation,) = weak_form(problem).equations
    assert equation.flux[0].has(InRegion)
    (note,) = strong_form(problem).notes
    assert "in_left" in note
    assert "is not seen" in note


def test_collocation_looks_regions_up_at_its_points(square):
    import equinox as eqx

    problem = pk.Problem(
        "reaction", square, [sp.Eq(-pk.laplacian(u) + pk.by_region({"left": 3, "right": 7}) * u, 1)],
        [pk.Dirichlet(u, 0, where="boundary")],
    )  # fmt: skip
    with numerics():
        solver = Pinn()
        formulation = solver.build(problem, solver.options(network={"width": 4, "depth": 1}), 0)
        points = np.random.default_rng(0).random((50, 2))
        indices = ((0, 0), (2, 0), (0, 2))
        values, *second = np.asarray(formulation.derivatives(formulation.fields, points, indices)["u"]).T
        (found,) = eqx.filter_jit(formulation.residuals)(formulation.fields, points).values()
    c = np.where(points[:, 0] < 0.5, 3, 7)
    assert np.asarray(found) == pytest.approx(-sum(second) + c * values - 1)


FILE = """
name: interface
coordinates: [x, y]
unknowns: [u]
definitions: {{a: {{by_region: {{left: 1.0, right: "100.0"}}}}}}
domain: {{mesh: {{file: "{file}"}}}}
equations: ["-div(a*grad(u)) = 0"]
conditions:
  - {{dirichlet: {{u: 0}}, where: west}}
  - {{dirichlet: {{u: 1}}, where: east}}
  - {{neumann: {{u: 0}}, where: rim}}
"""


def test_problem_files_read_and_write_them(square):
    problem = read_text(FILE.format(file=square.file)).problem
    assert problem == interface(square)
    assert problem.digest == interface(square).digest
    assert read_text(problem.to_yaml()).problem == problem
    other = interface(square, pk.by_region({"left": 2, "right": 100}))
    assert other.digest != problem.digest


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"left": 1}, "50.0% of the domain is in none"),
        ({"left": 1, "middle": 2}, "no region 'middle'"),
        ({}, "by_region"),
        ({"left": "§"}, "by_region"),
        ({1: 2}, "a region is named 1"),
    ],
)
def test_regions_must_make_up_the_domain(values, match, square):
    with pytest.raises(pk.DeclarationError, match=match):
        interface(square, pk.by_region(values))


def test_networks_are_cut_between_them(square):
    options = {"network.width": 40, "points.interior": 300, "points.boundary": 100, "points.interface": 60}
    overrides = [(("solver", "name"), "cpinn")]
    overrides += [(("solver", *name.split(".")), value) for name, value in options.items()]
    solution = run(interface(square), overrides=overrides, progress=False).solution
    assert solution.division.names == ("left", "right")
    points = np.random.default_rng(0).random((200, 2))
    assert solution(points) == pytest.approx(exact(points), abs=1e-4)


def test_other_domains_and_places_refuse_them(square):
    with pytest.raises(pk.DeclarationError, match="the domain has no regions"):
        pk.Problem(
            "p", pk.Rectangle((0, 0), (1, 1)), [-pk.laplacian(u) + pk.by_region({"left": 1, "right": 2})],
            [pk.Dirichlet(u, 0, where="boundary")],
        )  # fmt: skip
    with pytest.raises(pk.DeclarationError, match=r"on 'boundary' holds a coefficient by region"):
        pk.Problem(
            "p", square, [-pk.laplacian(u) - 1],
            [pk.Dirichlet(u, pk.by_region({"left": 1, "right": 2}), where="boundary")],
        )  # fmt: skip
