"""Assembly: convergence rates, derivatives, hand-written forms, and speed."""

from __future__ import annotations

import time

import numpy as np
import pytest
import skfem
import sympy as sp
from skfem.helpers import dot, grad
from threadpoolctl import threadpool_limits

import pinnkit as pk
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes

from . import problems as known
from .problems import UNIT, errors, u, v, x, y


def discretise(problem: pk.Problem, degree: int, size: float, halvings: int = 0) -> Discretisation:
    system = derive(problem)
    meshes = Meshes(problem.domain, degree)
    mesh = meshes.first(size)
    for k in range(halvings):
        mesh = meshes.finer(mesh, size / 2 ** (k + 1))
    return Discretisation(system, mesh, degree)


@pytest.mark.parametrize("problem", [known.poisson_disk(), known.convection_robin()], ids=lambda p: p.name)
@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_rates_on_curved_domains(problem, degree):
    found = [errors(discretise(problem, degree, 0.4, k).solve(), problem, "u") for k in (1, 2)]
    rates = np.log2(np.array(found[0]) / np.array(found[1]))
    assert rates[0] >= degree + 0.85
    assert rates[1] >= degree - 0.1


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_rates_on_lines(degree):
    line = pk.unknown("u", x)
    problem = pk.manufactured(
        "line", pk.Interval(-1, 2), [-sp.diff((1 + x**2) * sp.diff(line, x), x) + line],
        {line: sp.sin(2 * x)}, {"left": "dirichlet", "right": "robin"},
    )  # fmt: skip
    found = [errors(discretise(problem, degree, size).solve(), problem, "u") for size in (0.1, 0.05)]
    rates = np.log2(np.array(found[0]) / np.array(found[1]))
    assert rates[0] >= degree + 0.85
    assert rates[1] >= degree - 0.1


@pytest.mark.parametrize(
    "problem",
    [known.nonlinear_poisson(), known.minimal_surface(), known.convection_robin(), known.kovasznay()],
    ids=lambda p: p.name,
)
def test_jacobian_against_central_differences(problem):
    discretisation = discretise(problem, 3, 0.5)
    assembler = discretisation.assembler
    rng = np.random.default_rng(1)
    state, direction = rng.standard_normal((2, assembler.size))
    moving = assembler.jacobian(0.0, (state,))[0] @ direction
    step = 1e-5
    ahead, behind = (assembler.residual(0.0, (state + s * step * direction,)) for s in (1, -1))
    difference = (ahead - behind) / (2 * step)
    assert np.abs(moving - difference).max() <= 1e-8 * np.abs(moving).max()


def test_mass_against_central_differences():
    assembler = discretise(known.wave_and_heat(), 3, 0.25).assembler
    rng = np.random.default_rng(1)
    states = rng.standard_normal((2, assembler.size))
    direction = rng.standard_normal(assembler.size)
    moving = assembler.jacobian(0.0, tuple(states))[1] @ direction
    ahead, behind = (assembler.residual(0.0, (states[0], states[1] + s * direction)) for s in (1, -1))
    assert np.abs(moving - (ahead - behind) / 2).max() <= 1e-12 * np.abs(moving).max()


def hand_written(discretisation: Discretisation, form, load=None, boundary=None):
    """Matrix and load that scikit-fem assembles on the same mesh, its unknowns in the same order."""
    mesh, degree = discretisation.mesh, discretisation.degree
    element = {1: skfem.ElementTriP1, 2: skfem.ElementTriP2, 3: skfem.ElementTriP3}[degree]()
    plain = mesh.topology
    basis = skfem.Basis(plain, element, intorder=2 * degree)
    matrix = skfem.BilinearForm(form).assemble(basis)
    vector = np.zeros(basis.N) if load is None else skfem.LinearForm(load).assemble(basis)
    for name, (bilinear, linear) in (boundary or {}).items():
        side = skfem.FacetBasis(plain, element, facets=mesh.named(name), intorder=2 * degree)
        matrix = matrix + skfem.BilinearForm(bilinear).assemble(side)
        vector = vector + skfem.LinearForm(linear).assemble(side)
    return matrix, vector


def assert_same(discretisation, matrix, vector, tolerance=1e-12):
    assembler = discretisation.assembler
    zero = np.zeros(assembler.size)
    own = assembler.jacobian(0.0, (zero,))[0]
    assert abs(own - matrix).max() <= tolerance * abs(matrix).max()
    # The convention R = lhs − rhs puts the load on the left.
    difference = np.abs(assembler.residual(0.0, (zero,)) + vector).max()
    assert difference <= tolerance * max(np.abs(vector).max(), abs(matrix).max())


class TestAgainstHandWrittenForms:
    """The solver shares its forms with the reference; these do not."""

    def test_poisson(self):
        problem = pk.Problem(
            name="p", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), x * y)], conditions=[pk.Dirichlet(u, 0)]
        )
        found = discretise(problem, 3, 0.25)
        assert_same(found, *hand_written(
            found, lambda u, v, _: dot(grad(u), grad(v)), lambda v, at: at.x[0] * at.x[1] * v
        ))  # fmt: skip

    def test_screened_with_variable_coefficient(self):
        operator = -pk.div(sp.exp(x) * pk.grad(u)) + (1 + y) * u
        problem = pk.Problem(
            name="s", domain=UNIT, equations=[sp.Eq(operator, 2)], conditions=[pk.Dirichlet(u, 1)]
        )
        found = discretise(problem, 2, 0.25)

        def form(u, v, at):
            return np.exp(at.x[0]) * dot(grad(u), grad(v)) + (1 + at.x[1]) * u * v

        assert_same(found, *hand_written(found, form, lambda v, at: 2 * v))

    def test_convection_diffusion(self):
        operator = -2 * pk.laplacian(u) + y * sp.diff(u, x) - x * sp.diff(u, y)
        problem = pk.Problem(
            name="c", domain=UNIT, equations=[sp.Eq(operator, 1)], conditions=[pk.Dirichlet(u, 0)]
        )
        found = discretise(problem, 2, 0.25)

        def form(u, v, at):
            return 2 * dot(grad(u), grad(v)) + (at.x[1] * grad(u)[0] - at.x[0] * grad(u)[1]) * v

        assert_same(found, *hand_written(found, form, lambda v, at: v))

    def test_neumann_and_robin(self):
        conditions = [
            pk.Dirichlet(u, 0, where="left"), pk.Neumann(u, y, where="right"),
            pk.Neumann(u, 0, where="bottom"), pk.Robin(u, 3, 2, x, where="top"),
        ]  # fmt: skip
        problem = pk.Problem(
            name="n", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 0)], conditions=conditions
        )
        found = discretise(problem, 3, 0.25)
        boundary = {
            "right": (lambda u, v, at: 0 * u * v, lambda v, at: at.x[1] * v),
            "top": (lambda u, v, at: 1.5 * u * v, lambda v, at: at.x[0] / 2 * v),
        }
        matrix, vector = hand_written(found, lambda u, v, at: dot(grad(u), grad(v)), None, boundary)
        assert_same(found, matrix, vector)

    def test_elasticity(self):
        found = discretise(known.elasticity(), 2, 0.25)
        mesh = found.mesh.topology
        basis = skfem.Basis(mesh, skfem.ElementTriP2(), intorder=4)

        def block(i, j):
            """∂ⱼu·∂ᵢv type products of λ tr ε tr ε + 2 μ ε:ε with λ = μ = 1."""

            def form(a, b, _):
                mixed = grad(a)[j] * grad(b)[i] + grad(a)[i] * grad(b)[j]
                return mixed + (dot(grad(a), grad(b)) if i == j else 0)

            return skfem.BilinearForm(form).assemble(basis)

        import scipy.sparse as sps

        matrix = sps.bmat([[block(0, 0), block(0, 1)], [block(1, 0), block(1, 1)]]).tocsr()
        assembler = found.assembler
        own = assembler.jacobian(0.0, (np.zeros(assembler.size),))[0]
        assert abs(own - matrix).max() <= 1e-12 * abs(matrix).max()

    def test_heat_mass(self):
        flat = known.flat
        problem = pk.Problem(
            name="h", domain=UNIT, equations=[sp.Eq(3 * sp.diff(flat, known.t) - pk.laplacian(flat), 0)],
            conditions=[pk.Dirichlet(flat, 0), pk.Initial(flat, 0)],
        )  # fmt: skip
        found = discretise(problem, 2, 0.25)
        matrix, _ = hand_written(found, lambda u, v, _: 3 * u * v)
        zero = np.zeros(found.assembler.size)
        own = found.assembler.jacobian(0.0, (zero, zero))[1]
        assert abs(own - matrix).max() <= 1e-12 * abs(matrix).max()


def test_systems_number_their_equations_by_the_unknown_they_move():
    equations = [sp.Eq(u - pk.laplacian(v), 1), sp.Eq(-pk.laplacian(u) + v, 2)]
    conditions = [pk.Dirichlet(u, 0), pk.Dirichlet(v, 0)]
    found = discretise(
        pk.Problem(name="s", domain=UNIT, equations=equations, conditions=conditions), 2, 0.25
    ).solve()
    middle = found.evaluate(np.array([[0.5, 0.5]]))
    assert 0 < middle["v"][0] < middle["u"][0]


@pytest.mark.parametrize(("degree", "limit"), [(1, 0.03), (2, 0.08), (3, 0.24)])
def test_speed_on_20_000_triangles(degree, limit):
    """Residual and Jacobian of a nonlinear problem on one core; the factor is for shared machines."""
    assembler = discretise(known.nonlinear_poisson(), degree, 0.01).assembler
    assert len(assembler.product.mesh.cells) == 20_000
    state = (np.random.default_rng(0).standard_normal(assembler.size),)
    assembler.jacobian(0.0, state)
    taken = []
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(5):
            began = time.perf_counter()
            assembler.residual(0.0, state)
            assembler.jacobian(0.0, state)
            taken.append(time.perf_counter() - began)
    assert min(taken) <= 3 * limit
