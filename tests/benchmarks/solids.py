"""Solids and elasticity by the reference alone: holes in a cube, points in space, stress, no locking."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.reference import FemOptions, fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.locate import Locator
from pinnkit.reference.meshing import Meshes
from tests.benchmarks.tables import Gate
from tests.reference import problems as known

x, y, z = pk.coordinates("x y z")
u, v = pk.unknown("u", x, y), pk.unknown("v", x, y)
solid = pk.unknown("u", x, y, z)
CUBE = pk.Box((0, 0, 0), (1, 1, 1), name="outer")
for number, (centre, radius) in enumerate(
    (((0.25, 0.3, 0.3), 0.15), ((0.7, 0.65, 0.5), 0.2), ((0.35, 0.7, 0.8), 0.1))
):
    CUBE = CUBE - pk.Ball(centre, radius, name=f"hole{number}")


def gates() -> Iterator[Gate]:
    """Every gate, one after the other."""
    yield from _holes()
    yield from _points()
    yield from _kirsch()
    yield from _incompressible()


def _holes() -> Iterator[Gate]:
    """−Δu = f with values on the cube and slopes on the holes, P2."""
    exact = sp.sin(2 * x) * sp.exp(y) * sp.cos(2 * z)
    sides = {name: "dirichlet" if name == "outer" else "neumann" for name in CUBE.boundary_names}
    problem = pk.manufactured("cube_with_holes", CUBE, [-pk.laplacian(solid)], {solid: exact}, sides)
    began = time.perf_counter()
    reference = fem_reference(problem, FemOptions(degree=2, size=0.07), tolerance=1e-6)
    seconds = time.perf_counter() - began
    bar, error = reference.error_bar["u"], known.true_error(reference, problem)["u"]
    yield Gate(
        "Cube with three spherical holes, P2", "≥ 1e5 unknowns in ≤ 60 s, bar/true within 1 … 5",
        f"{reference.dofs} unknowns, {seconds:.0f} s with mesh and error bar, error {error:.1e}, "
        f"bar/true {bar / error:.2f}",
        reference.dofs >= 1e5 and seconds <= 60 and 1 <= bar / error <= 5,
    )  # fmt: skip


def _points() -> Iterator[Gate]:
    problem = pk.Problem(
        name="located", domain=CUBE, equations=[sp.Eq(-pk.laplacian(solid), 1)],
        conditions=[pk.Dirichlet(solid, 0, where="boundary")],
    )  # fmt: skip
    meshes = Meshes(CUBE, 2)
    mesh = meshes.finer(meshes.first(0.12), 0.06)
    field = Discretisation(derive(problem), mesh, 2).solve()
    points = np.random.default_rng(0).random((120_000, 3))
    points = points[CUBE.contains(points)][:100_000]
    Locator(mesh).locate(points[:10])
    began = time.perf_counter()
    field.evaluate(points)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    field.evaluate(points)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    yield Gate(
        "1e5 points located and evaluated in 3-D", "≤ 1 s, < 1 GB",
        f"{seconds:.2f} s, {peak:.0f} MB, on {len(mesh.cells)} cells",
        len(points) == 100_000 and seconds <= 1 and peak < 1024,
    )  # fmt: skip


def _stress(first: sp.Expr, second: sp.Expr) -> list[list[sp.Expr]]:
    """λ tr ε + 2 μ ε for Lamé's constants λ and μ."""
    swelling = first * (sp.diff(u, x) + sp.diff(v, y))
    shear = second * (sp.diff(u, y) + sp.diff(v, x))
    return [[swelling + 2 * second * sp.diff(u, x), shear], [shear, swelling + 2 * second * sp.diff(v, y)]]


def _kirsch() -> Iterator[Gate]:
    """A quarter of a plate under unit tension along x, the exact tractions on its outer sides."""
    ratio = sp.Rational(3, 10)
    first, second = ratio / (1 - ratio**2), 1 / (2 * (1 + ratio))
    square = x**2 + y**2
    c2, s2 = (x**2 - y**2) / square, 2 * x * y / square
    c4, s4 = c2**2 - s2**2, 2 * s2 * c2
    far, near = 1 / square, sp.Rational(3, 2) / square**2
    along = 1 - (3 * c2 / 2 + c4) * far + near * c4
    up = -(c2 / 2 - c4) * far - near * c4
    shear = -(s2 / 2 + s4) * far + near * s4
    stress = _stress(first, second)
    problem = pk.Problem(
        name="plate_with_a_hole",
        domain=pk.Rectangle((0, 0), (4, 4)) - pk.Disk((0, 0), 1, name="hole"),
        equations={n: sp.Eq(-pk.div(row, [x, y]), 0) for n, row in zip(("along", "up"), stress, strict=True)},
        conditions=[
            pk.Dirichlet(u, 0, where="left"), pk.Flux("up", 0, where="left"),
            pk.Dirichlet(v, 0, where="bottom"), pk.Flux("along", 0, where="bottom"),
            pk.Flux("along", 0, where="hole"), pk.Flux("up", 0, where="hole"),
            pk.Flux("along", -along, where="right"), pk.Flux("up", -shear, where="right"),
            pk.Flux("along", -shear, where="top"), pk.Flux("up", -up, where="top"),
        ],
        quantities=[pk.Quantity("concentration", stress[0][0], at=(0, 1))],
    )  # fmt: skip
    reference = fem_reference(problem, FemOptions(degree=3), tolerance=1e-4)
    value = reference.quantities()["concentration"]
    yield Gate(
        "Kirsch: stress concentration", "3 ± 0.003",
        f"{value.value:.5f} (own error bar {value.error:.1e})", abs(value.value - 3) <= 3e-3,
    )  # fmt: skip


def _incompressible() -> Iterator[Gate]:
    """ν = 0.4999, a divergence-free displacement: P1 locks, P3 does not."""
    ratio, stream = sp.Rational(4999, 10000), x**2 * (1 - x) ** 2 * y**2 * (1 - y) ** 2
    first, second = ratio / ((1 + ratio) * (1 - 2 * ratio)), 1 / (2 * (1 + ratio))
    problem = pk.manufactured(
        "incompressible", pk.Rectangle((0, 0), (1, 1)),
        [-pk.div(row, [x, y]) for row in _stress(first, second)],
        {u: sp.diff(stream, y), v: -sp.diff(stream, x)},
    )  # fmt: skip
    errors = []
    for degree, size in ((1, 1 / 16), (3, 0.02)):
        mesh = Meshes(problem.domain, degree).first(size)
        found = Discretisation(derive(problem), mesh, degree).solve()
        errors.append(known.errors(found, problem, "u")[0])
        size_of_u = known.distance(found, "u", lambda a, b: 3 * (0 * a,))[
            0
        ]  # last, of the solution that is good
    errors = [error / size_of_u for error in errors]
    yield Gate(
        "Elasticity, ν = 0.4999",
        "P3: relative L2 ≤ 1e-05",
        f"P3 {errors[1]:.1e} (P1 {errors[0]:.0e})",
        errors[1] <= 1e-5,
    )
