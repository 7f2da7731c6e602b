"""Interfaces: found in the equations, followed by the mesh, and no longer in the way of the rate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.elements import quadrature
from pinnkit.reference.interfaces import NO_INTERFACES, Interfaces, LevelSet, interfaces
from pinnkit.reference.mesh import FiniteMesh
from pinnkit.reference.meshing import Meshes

from .problems import UNIT, errors, flat, t, true_error, u, w, x, y

TILTED = sp.cos(0.4) * x + sp.sin(0.4) * y - 0.61
ROUND = (x - 0.45) ** 2 + (y - 0.52) ** 2 - 0.09
OVAL = ((x - 0.45) / 0.4) ** 2 + ((y - 0.52) / 0.2) ** 2 - 1
WAVY = y - 0.5 - 0.1 * sp.sin(4 * x)


def layered(coefficient: sp.Expr, smooth: sp.Expr) -> pk.Problem:
    """−∇·(a∇u) = −Δw with u = w/a: where w vanishes on the interface, u and its flux are continuous."""
    load = -sp.diff(smooth, x, 2) - sp.diff(smooth, y, 2)
    exact = smooth / coefficient
    return pk.Problem(
        name="layered", domain=UNIT, equations=[sp.Eq(-pk.div(coefficient * pk.grad(u)), load)],
        conditions=[pk.Dirichlet(u, exact)], exact={u: exact},
    )  # fmt: skip


def across(level: sp.Expr) -> pk.Problem:
    """A coefficient that jumps from 1 to 100 where g = 0, and w = g times something smooth."""
    return layered(sp.Piecewise((1, level < 0), (100, True)), level * sp.exp(x - y))


def chessboard() -> pk.Problem:
    """Five by five squares of 1, 10 and 100, with w = sin 5πx sin 5πy times something smooth."""

    def stripes(c: sp.Symbol) -> sp.Expr:
        return sp.Piecewise(*[(10 ** (k % 2), c < sp.Rational(k + 1, 5)) for k in range(4)], (1, True))

    return layered(stripes(x) * stripes(y), sp.sin(5 * sp.pi * x) * sp.sin(5 * sp.pi * y) * sp.exp(x))


def rates(problem: pk.Problem, degree: int, found: Interfaces | None = None) -> np.ndarray:
    """log₂ of the factors by which L2 errors shrink over three meshes."""
    system = derive(problem)
    meshes, size = Meshes(problem.domain, degree, (), found or interfaces(system)), 0.125
    mesh, sizes = meshes.first(size), []
    for level in range(3):
        mesh = meshes.finer(mesh, size := size / 2) if level else mesh
        sizes.append(errors(Discretisation(system, mesh, degree).solve(), problem, "u")[0])
    return np.log2(np.array(sizes[:-1]) / sizes[1:])


class TestRates:
    @pytest.mark.parametrize("degree", [1, 2, 3])
    @pytest.mark.parametrize("level", [TILTED, ROUND], ids=["line", "circle"])
    def test_jumping_coefficient(self, level, degree):
        assert rates(across(level), degree)[-1] >= degree + 0.85

    def test_ellipse_whose_curvature_varies(self):
        """Parabolas through a third point of the curve reach 3.5."""
        assert rates(across(OVAL), 3)[-1] >= 3.95

    def test_curve_with_inflections(self):
        assert rates(across(WAVY), 3)[-1] >= 3.7

    def test_chessboard(self):
        problem = chessboard()
        assert rates(problem, 3)[-1] >= 3.85
        meshes = Meshes(UNIT, 3, (), interfaces(derive(problem)))
        meshes.first(0.125)
        assert "mesh fitted to 8 interfaces" in meshes.notes

    def test_without_fitting_the_jump_sets_the_rate(self):
        """So the tests above measure the fitting."""
        assert rates(across(ROUND), 3, NO_INTERFACES).max() <= 1.5


class TestReferences:
    def test_darcy_through_two_layers(self):
        """−(a u′)′ = 0, u = 0 and 1 at the ends: the flux is the harmonic mean of a."""
        line = pk.unknown("u", x)
        place, left, right = sp.Rational(1, 3), 2, 30
        permeability = sp.Piecewise((left, x < place), (right, True))
        ends = [pk.Dirichlet(line, 0, where="left"), pk.Dirichlet(line, 1, where="right")]
        problem = pk.Problem(
            name="darcy", domain=pk.Interval(0, 1), conditions=ends,
            equations=[sp.Eq(-pk.div([permeability * sp.diff(line, x)], [x]), 0)],
        )  # fmt: skip
        reference = fem_reference(problem)
        flux = 1 / (1 / 3 / left + 2 / 3 / right)
        found = reference.evaluate(np.array([[0.2], [0.3], [0.7], [0.9]]))["u"]
        assert left * (found[1] - found[0]) / 0.1 == pytest.approx(flux, rel=1e-11)
        assert right * (found[3] - found[2]) / 0.2 == pytest.approx(flux, rel=1e-11)
        assert "mesh fitted to 1 interface" in reference.notes

    def test_source_within_a_circle(self):
        """−Δu = 1 within r < R, 0 outside: parabola and logarithm."""
        radius = sp.Rational(1, 3)
        problem = pk.Problem(
            name="source", domain=pk.Disk((0, 0), 1), conditions=[pk.Dirichlet(u, 0)],
            equations=[sp.Eq(-pk.laplacian(u), sp.Heaviside(radius**2 - x**2 - y**2))],
        )  # fmt: skip
        reference = fem_reference(problem, tolerance=1e-5)
        points = np.random.default_rng(0).uniform(-0.7, 0.7, (2000, 2))
        r, R = np.linalg.norm(points, axis=1), 1 / 3
        wanted = np.where(r < R, (R**2 - r**2) / 4 - R**2 / 2 * np.log(R), -(R**2) / 2 * np.log(r))
        gap = np.linalg.norm(reference.evaluate(points)["u"] - wanted) / np.linalg.norm(wanted)
        assert gap <= reference.error_bar["u"] <= 1e-6
        assert "mesh fitted to 1 interface" in reference.notes

    def test_the_error_bar_holds_across_a_jump(self):
        problem = across(ROUND)
        reference = fem_reference(problem, tolerance=1e-4)
        assert 1 <= reference.error_bar["u"] / true_error(reference, problem)["u"] <= 5

    def test_a_condition_that_moves_is_left_alone_and_noted(self):
        front = sp.Piecewise((1, x < t), (2, True))
        problem = pk.Problem(
            name="front", domain=pk.Interval(-1, 2),
            equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2) + front)],
            conditions=[pk.Initial(w, 0), pk.Dirichlet(w, 0)],
        )  # fmt: skip
        assert interfaces(derive(problem)).fixed == ()
        assert any("moves" in note for note in fem_reference(problem, tolerance=1e-1).notes)


def on_a_plane(source: sp.Expr) -> Interfaces:
    problem = pk.Problem(
        name="s", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), source)], conditions=[pk.Dirichlet(u, 0)]
    )
    return interfaces(derive(problem))


class TestFinding:
    @pytest.mark.parametrize(
        ("source", "wanted"),
        [
            (sp.Piecewise((1, x < sp.Rational(1, 3)), (2, y > x), (3, True)), [x - sp.Rational(1, 3), x - y]),
            (sp.Heaviside(x**2 + y**2 - 2) + sp.sign(x - 2 * y), [x**2 + y**2 - 2, x - 2 * y]),
            (sp.Max(x, y, 1), [x - y, x - 1, y - 1]),
            (sp.Heaviside(sp.Max(sp.Abs(x), sp.Abs(y)) - 2), [x - 2, x + 2, y - 2, y + 2, x, y]),
            (sp.Abs(x * y**3), [x, y]),
            (sp.Piecewise((1, (x < 1) & ~(y < 2)), (0, (x > 1) | (y > 3)), (2, True)), [x - 1, y - 2, y - 3]),
            (sp.floor(3 * x), [sp.sin(3 * sp.pi * x)]),
            (sp.sin(x) * sp.exp(y), []),
        ],
    )  # fmt: skip
    def test_level_sets(self, source, wanted):
        places = np.array([[0.3, 0.4], [1.7, -0.6], [-0.8, 2.1]])
        found = [level.values(places)[0] for level in on_a_plane(source).fixed]
        for expression in wanted:
            own = LevelSet(sp.sympify(expression), (x, y)).values(places)[0]
            assert any(np.ptp(own / other) < 1e-9 for other in found), expression
        # Lines where kinks within a condition meet may be followed too; they cost cells, not accuracy.
        assert len(found) <= len(wanted) + 2

    def test_conditions_on_unknowns_are_no_interfaces(self):
        assert on_a_plane(sp.Max(u, 0) + sp.Piecewise((1, u < x), (0, True))) == NO_INTERFACES

    def test_one_line_written_in_several_ways_is_one(self):
        assert len(on_a_plane(sp.Heaviside(2 * x - 1) + sp.sign(1 - 2 * x) + sp.Abs(x - 0.5)).fixed) == 1

    def test_kinks_of_initial_states(self):
        problem = pk.Problem(
            name="tent", domain=UNIT, equations=[sp.Eq(sp.diff(flat, t), pk.laplacian(flat))],
            conditions=[pk.Initial(flat, sp.Max(0, sp.Rational(1, 4) - x * y)), pk.Neumann(flat, 0)],
        )  # fmt: skip
        assert len(interfaces(derive(problem)).fixed) == 1


def circle(centre: tuple[float, float], radius: float) -> sp.Expr:
    return (x - centre[0]) ** 2 + (y - centre[1]) ** 2 - radius**2


DISK = pk.Disk((0.5, 0.5), 0.5, name="rim")
HOLED = pk.Rectangle((0, 0), (1, 1), name="outer") - pk.Disk((0.5, 0.5), 0.2, name="hole")
PICTURES: dict[str, tuple[pk.Shape, list[sp.Expr]]] = {
    "two circles that cross": (UNIT, [circle((0.4, 0.5), 0.25), circle((0.6, 0.5), 0.25)]),
    "circle that leaves a disk": (DISK, [circle((0.9, 0.5), 0.3)]),
    "line through a hole": (HOLED, [y - 0.4 * x - 0.3]),
    "small circle": (UNIT, [circle((0.31, 0.77), 0.02)]),
    "wave and line": (DISK, [y - 0.5 - 0.15 * sp.sin(5 * x), x - 0.37]),
    "line through corners": (UNIT, [x - y]),
    "line beside a corner": (UNIT, [x + y - 0.01]),
    "circle that nearly touches a side": (UNIT, [circle((0.5, 0.302), 0.3)]),
    "line through a hole and a wave": (HOLED, [y - 0.15 * sp.sin(5 * x + 2) - 0.45, x - 0.52]),
    "steps": (UNIT, [sp.sin(3 * sp.pi * x)]),
}


class TestMeshes:
    @pytest.mark.parametrize("name", PICTURES)
    def test_three_levels(self, name):
        shape, drawn = PICTURES[name]
        levels = tuple(LevelSet(g, (x, y)) for g in drawn)
        meshes, size = Meshes(shape, 3, (), Interfaces(levels)), 0.125
        mesh = meshes.first(size)
        cells = len(mesh.cells)
        assert f"mesh fitted to {len(drawn)} interface{'s' * (len(drawn) > 1)}" in meshes.notes
        for _ in range(3):
            self.check(mesh, shape, levels)
            mesh = meshes.finer(mesh, size := size / 2)
        assert cells < 1500

    def check(self, mesh: FiniteMesh, shape: pk.Shape, levels: tuple[LevelSet, ...]) -> None:
        everything, reference = np.arange(len(mesh.cells)), quadrature(2, 8)[0]
        densities = np.linalg.det(mesh.jacobian(everything, reference))
        assert (np.sign(densities) == np.sign(densities[:, :1])).all()
        assert np.abs(mesh.measure - shape.measure) <= 2e-4 * shape.measure
        listed = np.concatenate([mesh.boundaries[n] for n in shape.boundary_names])
        assert sorted(listed) == sorted(mesh.boundary_facets)
        for level in levels:
            along = mesh.boundaries[level.name]
            assert not np.isin(along, mesh.boundary_facets).any()
            assert np.abs(level.distances(mesh.points[np.unique(mesh.facets[along])])).max() <= 1e-12
            # What lies beside an edge along the interface lies there by less than the parabola is off.
            places = mesh.map(everything, reference)
            off = np.abs(level.distances(places))
            sign = np.sign(level.values(places)[0])
            astray = (sign != np.sign(sign.sum(axis=1, keepdims=True))) & (off > 2e-3 * mesh.sizes[:, None])
            assert not astray.any()

    def test_where_interfaces_cross_there_is_a_vertex(self):
        shape, drawn = PICTURES["two circles that cross"]
        mesh = Meshes(shape, 3, (), Interfaces(tuple(LevelSet(g, (x, y)) for g in drawn))).first(0.125)
        for height in (0.5 + np.sqrt(0.0525), 0.5 - np.sqrt(0.0525)):
            assert np.linalg.norm(mesh.points - [0.5, height], axis=1).min() <= 1e-12

    def test_an_interface_ends_on_the_exact_rim(self):
        shape, (drawn,) = PICTURES["circle that leaves a disk"]
        level = LevelSet(drawn, (x, y))
        mesh = Meshes(shape, 3, (), Interfaces((level,))).first(0.125)
        rim = np.unique(mesh.facets[mesh.boundary_facets])
        ends = mesh.points[np.intersect1d(rim, mesh.facets[mesh.boundaries[level.name]])]
        assert len(ends) == 2
        np.testing.assert_allclose(np.linalg.norm(ends - 0.5, axis=1), 0.5, atol=1e-13)
        np.testing.assert_allclose(np.linalg.norm(ends - [0.9, 0.5], axis=1), 0.3, atol=1e-13)

    def test_sides_of_a_periodic_square_still_match(self):
        level = LevelSet(y - 0.5 - 0.2 * sp.sin(2 * sp.pi * x), (x, y))
        meshes = Meshes(UNIT, 3, (0,), Interfaces((level,)))
        mesh = meshes.first(0.125)
        sides = [np.sort(mesh.points[mesh.points[:, 0] == end, 1]) for end in (0.0, 1.0)]
        np.testing.assert_allclose(*sides, atol=1e-12)

    def test_an_interface_that_breaks_periodicity_is_left_and_noted(self):
        meshes = Meshes(UNIT, 3, (0,), Interfaces((LevelSet(y - 0.31 - 0.3 * x, (x, y)),)))
        mesh = meshes.first(0.125)
        sides = [np.sort(mesh.points[mesh.points[:, 0] == end, 1]) for end in (0.0, 1.0)]
        np.testing.assert_allclose(*sides, atol=1e-12)
        assert any("not fitted to" in note for note in meshes.notes)

    def test_of_a_solid_the_cells_are_only_smaller(self):
        z = sp.Symbol("z", real=True)
        level = LevelSet(z - sp.Rational(2, 5), (x, y, z))
        plain = Meshes(pk.Box((0, 0, 0), (1, 1, 1)), 2).first(0.5)
        meshes = Meshes(pk.Box((0, 0, 0), (1, 1, 1)), 2, (), Interfaces((level,)))
        assert len(meshes.first(0.5).cells) > len(plain.cells)
        assert meshes.notes == (
            "the mesh is not fitted to z - 0.4 = 0, only finer there: the error bar shrinks slowly",
        )

    def test_points_of_a_line(self):
        expressions: list[Callable] = [lambda z: z - 1 / 3, lambda z: sp.sin(7 * z), lambda z: z**2 - 0.25]
        levels = tuple(LevelSet(e(x), (x,)) for e in expressions)
        meshes = Meshes(pk.Interval(0, 1), 4, (), Interfaces(levels))
        mesh = meshes.first(1 / 16)
        for root in (1 / 3, np.pi / 7, 2 * np.pi / 7, 0.5):
            assert np.abs(mesh.points[:, 0] - root).min() <= 1e-14
        assert mesh.sizes.min() >= 0.01
        assert "mesh fitted to 4 interfaces" in meshes.notes
        np.testing.assert_array_equal(
            [mesh.boundaries["left"], mesh.boundaries["right"]], [[0], [len(mesh.cells)]]
        )
