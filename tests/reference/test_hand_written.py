"""Discrete solutions against scikit-fem's own forms, written by hand on its own bases.

The solver shares its forms with the reference; these do not. Degrees of freedom are numbered alike, because
both sides take the numbering of one topology, so coefficients are compared one by one.
"""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sps
import skfem
import sympy as sp
from skfem.helpers import div, dot, grad, sym_grad, trace
from skfem.helpers import mul as times

import pinnkit as pk
from pinnkit.declare.symbols import normal
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes

from .problems import UNIT, t, u, v, x, y

p = pk.unknown("p", x, y)
ELEMENTS = {1: skfem.ElementTriP1, 2: skfem.ElementTriP2, 3: skfem.ElementTriP3, 4: skfem.ElementTriP4}


class Hand:
    """A discretised declaration, and scikit-fem's bases on the same mesh."""

    def __init__(self, equations, conditions, degree: int = 3, domain: pk.Shape = UNIT, size: float = 0.25):
        problem = pk.Problem(name="hand", domain=domain, equations=equations, conditions=conditions)
        self.own = Discretisation(derive(problem), Meshes(domain, degree).first(size), degree)
        self.mesh, self.degree = self.own.mesh.topology, degree
        self.solution = self.own.solve().coefficients if problem.time is None else None

    def basis(self, lower: int = 0) -> skfem.Basis:
        return skfem.Basis(self.mesh, ELEMENTS[self.degree - lower](), intorder=2 * self.degree)

    def side(self, name: str) -> skfem.FacetBasis:
        facets = self.own.mesh.named(name)
        return skfem.FacetBasis(self.mesh, ELEMENTS[self.degree](), facets=facets, intorder=2 * self.degree)

    def fixed(self, *names: str) -> np.ndarray:
        facets = np.concatenate([self.own.mesh.named(n) for n in names])
        return self.basis().get_dofs(facets).all()

    def values(self, dofs: np.ndarray, data) -> np.ndarray:
        return data(*self.basis().doflocs[:, dofs])

    def part(self, name: str) -> np.ndarray:
        return self.solution[self.own.product.part(self.own.system.names.index(name))]

    def assert_same(self, wanted: np.ndarray, name: str = "u", tolerance: float = 1e-12) -> None:
        found = self.part(name)
        assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


def solved(matrix, load, held: np.ndarray, values: np.ndarray) -> np.ndarray:
    state = np.zeros(matrix.shape[0])
    state[held] = values
    return skfem.solve(*skfem.condense(matrix.tocsr(), load, x=state, D=held))


def test_poisson():
    hand = Hand([sp.Eq(-pk.laplacian(u), sp.exp(x * y))], [pk.Dirichlet(u, sp.sin(x) + y)])
    matrix = skfem.BilinearForm(lambda a, b, _: dot(grad(a), grad(b))).assemble(hand.basis())
    load = skfem.LinearForm(lambda b, at: np.exp(at.x[0] * at.x[1]) * b).assemble(hand.basis())
    held = hand.fixed("boundary")
    hand.assert_same(solved(matrix, load, held, hand.values(held, lambda a, b: np.sin(a) + b)))


def test_anisotropic_convection_diffusion_reaction():
    flux = [(2 + x) * sp.diff(u, x) + sp.diff(u, y) / 2, sp.diff(u, x) / 3 + sp.exp(y) * sp.diff(u, y)]
    operator = -pk.div(flux, [x, y]) + y * sp.diff(u, x) - 2 * sp.diff(u, y) + (1 + x) * u
    hand = Hand([sp.Eq(operator, sp.cos(x))], [pk.Dirichlet(u, x * y)], degree=2)

    def form(a, b, at):
        s, z = at.x
        tensor = np.stack([np.stack([2 + s, 0 * s + 1 / 2]), np.stack([0 * s + 1 / 3, np.exp(z)])])
        along = z * grad(a)[0] - 2 * grad(a)[1]
        return dot(times(tensor, grad(a)), grad(b)) + (along + (1 + s) * a) * b

    matrix = skfem.BilinearForm(form).assemble(hand.basis())
    load = skfem.LinearForm(lambda b, at: np.cos(at.x[0]) * b).assemble(hand.basis())
    held = hand.fixed("boundary")
    hand.assert_same(solved(matrix, load, held, hand.values(held, lambda a, b: a * b)))


def test_neumann_and_robin():
    conditions = [
        pk.Dirichlet(u, 1, where="left"), pk.Neumann(u, y**2, where="right"),
        pk.Neumann(u, 0, where="bottom"), pk.Robin(u, 3 + x, 2, sp.sin(x), where="top"),
    ]  # fmt: skip
    hand = Hand([sp.Eq(-pk.laplacian(u), 0)], conditions)
    matrix = skfem.BilinearForm(lambda a, b, _: dot(grad(a), grad(b))).assemble(hand.basis())
    matrix += skfem.BilinearForm(lambda a, b, at: (3 + at.x[0]) / 2 * a * b).assemble(hand.side("top"))
    load = skfem.LinearForm(lambda b, at: at.x[1] ** 2 * b).assemble(hand.side("right"))
    load += skfem.LinearForm(lambda b, at: np.sin(at.x[0]) / 2 * b).assemble(hand.side("top"))
    held = hand.fixed("left")
    hand.assert_same(solved(matrix, load, held, np.ones(len(held))))


def test_elasticity_with_a_traction():
    """λ tr ε I + 2 μ ε on vector elements, pulled at the right."""
    first, second = 3.0, 2.0
    swelling, shear = 3 * (sp.diff(u, x) + sp.diff(v, y)), 2 * (sp.diff(u, y) + sp.diff(v, x))
    stress = [[swelling + 4 * sp.diff(u, x), shear], [shear, swelling + 4 * sp.diff(v, y)]]
    equations = {
        "along": sp.Eq(-pk.div(stress[0], [x, y]), x * y),
        "up": sp.Eq(-pk.div(stress[1], [x, y]), -1),
    }
    free = [pk.Flux(e, 0, where=side) for e in equations for side in ("bottom", "top")]
    pull = [pk.Flux("along", -y, where="right"), pk.Flux("up", 0, where="right")]
    hand = Hand(equations, [pk.Dirichlet(u, 0, where="left"), pk.Dirichlet(v, 0, where="left"), *free, *pull])
    vector = skfem.ElementVector(ELEMENTS[3]())
    basis = skfem.Basis(hand.mesh, vector, intorder=6)

    def form(a, b, _):
        strain, virtual = sym_grad(a), sym_grad(b)
        return first * trace(strain) * trace(virtual) + 2 * second * (strain * virtual).sum(axis=(0, 1))

    matrix = skfem.BilinearForm(form).assemble(basis)
    load = skfem.LinearForm(lambda b, at: at.x[0] * at.x[1] * b[0] - b[1]).assemble(basis)
    side = skfem.FacetBasis(hand.mesh, vector, facets=hand.own.mesh.named("right"), intorder=6)
    load += skfem.LinearForm(lambda b, at: at.x[1] * b[0]).assemble(side)
    held = basis.get_dofs(hand.own.mesh.named("left")).all()
    wanted = solved(matrix, load, held, np.zeros(len(held)))
    scalar, split = hand.basis(), basis.split_indices()
    assert [len(s) for s in split] == [scalar.N] * 2
    for name, dofs in zip("uv", split, strict=True):
        hand.assert_same(wanted[dofs], name)


def flow(speed: int):
    """Taylor–Hood on a channel: equations, conditions, and the hand-written blocks."""
    slopes = [speed * pk.material_derivative(c, (u, v)) - pk.laplacian(c) / 20 for c in (u, v)]
    equations = [
        sp.Eq(slopes[0] + sp.diff(p, x), y), sp.Eq(slopes[1] + sp.diff(p, y), sp.sin(x)),
        sp.Eq(sp.diff(u, x) + sp.diff(v, y), 0),
    ]  # fmt: skip
    walls = [pk.Dirichlet(c, 0, where=side) for c in (u, v) for side in ("bottom", "top")]
    inflow = [pk.Dirichlet(u, y * (1 - y), where="left"), pk.Dirichlet(v, 0, where="left")]
    outward = {c: normal(x) * sp.diff(c, x) + normal(y) * sp.diff(c, y) for c in (u, v)}
    outflow = [
        pk.Condition(outward[c] / 20 - p * n, where="right") for c, n in ((u, normal(x)), (v, normal(y)))
    ]
    hand = Hand(equations, [*walls, *inflow, *outflow])
    velocity = skfem.Basis(hand.mesh, skfem.ElementVector(ELEMENTS[3]()), intorder=6)
    pressure = velocity.with_element(ELEMENTS[2]())
    viscous = skfem.BilinearForm(
        lambda a, b, _: sum(dot(grad(a)[i], grad(b)[i]) for i in range(2)) / 20
    ).assemble(velocity)
    volume = skfem.BilinearForm(lambda a, q, _: div(a) * q).assemble(velocity, pressure)
    load = skfem.LinearForm(lambda b, at: at.x[1] * b[0] + np.sin(at.x[0]) * b[1]).assemble(velocity)
    return hand, velocity, pressure, viscous, volume, load


def interleaved(hand: Hand, velocity: skfem.Basis) -> np.ndarray:
    """Both components in scikit-fem's order."""
    state = np.empty(velocity.N)
    for name, dofs in zip("uv", velocity.split_indices(), strict=True):
        state[dofs] = hand.part(name)
    return state


def test_stokes_by_taylor_hood():
    hand, velocity, pressure, viscous, volume, load = flow(0)
    matrix = sps.bmat([[viscous, -volume.T], [volume, None]]).tocsr()
    held = velocity.get_dofs(
        np.concatenate([hand.own.mesh.named(n) for n in ("left", "bottom", "top")])
    ).all()
    state = np.zeros(matrix.shape[0])
    inflow = velocity.get_dofs(hand.own.mesh.named("left")).all()
    first = velocity.split_indices()[0]
    along = np.intersect1d(inflow, first)
    height = velocity.doflocs[1, along]
    state[along] = height * (1 - height)
    wanted = solved(matrix, np.concatenate([load, np.zeros(pressure.N)]), held, state[held])
    ours = interleaved(hand, velocity)
    assert np.abs(ours - wanted[: velocity.N]).max() <= 1e-12 * np.abs(wanted[: velocity.N]).max()
    hand.assert_same(wanted[velocity.N :], "p", 1e-11)


def test_navier_stokes_solution_leaves_no_hand_written_residual():
    hand, velocity, _, viscous, volume, load = flow(1)
    ours = interleaved(hand, velocity)
    field = velocity.interpolate(ours)
    carried = skfem.LinearForm(
        lambda b, at: sum(dot(at["w"], grad(at["w"])[i]) * b[i] for i in range(2))
    ).assemble(velocity, w=field)
    pressure = hand.part("p")
    held = velocity.get_dofs(
        np.concatenate([hand.own.mesh.named(n) for n in ("left", "bottom", "top")])
    ).all()
    momentum = viscous @ ours + carried - volume.T @ pressure - load
    momentum[held] = 0
    assert np.abs(momentum).max() <= 1e-13 * np.abs(volume.T @ pressure).max() * 10
    assert np.abs(volume @ ours).max() <= 1e-14


def test_newton_steps_of_nonlinear_poisson():
    """−∇·((1 + u²)∇u) = 10 by Newton's method with a linearisation written by hand."""
    hand = Hand([sp.Eq(-pk.div((1 + u**2) * pk.grad(u)), 10)], [pk.Dirichlet(u, x)])
    basis, held = hand.basis(), hand.fixed("boundary")
    state = np.zeros(basis.N)
    state[held] = hand.values(held, lambda a, b: a)

    def slope(a, b, at):
        w = at["w"]
        return dot((1 + w**2) * grad(a) + 2 * w * a * grad(w), grad(b))

    def rest(b, at):
        return dot((1 + at["w"] ** 2) * grad(at["w"]), grad(b)) - 10 * b

    for _ in range(12):
        before = basis.interpolate(state)
        matrix = skfem.BilinearForm(slope).assemble(basis, w=before)
        residual = skfem.LinearForm(rest).assemble(basis, w=before)
        state = state + solved(matrix, -residual, held, np.zeros(len(held)))
    hand.assert_same(state, tolerance=1e-11)


def test_mass_damping_and_stiffness_of_a_wave():
    """(1 + x) u_tt + 3 u_t = div(eʸ ∇u): three matrices."""
    field = pk.unknown("u", x, y, t)
    motion = (1 + x) * sp.diff(field, t, 2) + 3 * sp.diff(field, t) - pk.div(sp.exp(y) * pk.grad(field))
    start = [pk.Initial(field, 0), pk.InitialRate(field, 0)]
    hand = Hand([sp.Eq(motion, 0)], [pk.Dirichlet(field, 0), *start])
    zero = (np.zeros(hand.own.product.size),) * 3
    found = hand.own.assembler.jacobian(0.0, zero)
    forms = {
        0: lambda a, b, at: np.exp(at.x[1]) * dot(grad(a), grad(b)),
        1: lambda a, b, at: 3 * a * b,
        2: lambda a, b, at: (1 + at.x[0]) * a * b,
    }
    for rate, form in forms.items():
        wanted = skfem.BilinearForm(form).assemble(hand.basis())
        assert abs(found[rate] - wanted).max() <= 1e-12 * abs(wanted).max()


@pytest.mark.parametrize("degree", [1, 2, 4])
def test_clamped_plate(degree):
    """m = Δu and Δm = 1: the moment's equation takes the slope, that of bending vanishes at the edge."""
    moment = pk.unknown("m", x, y)
    equations = [sp.Eq(pk.laplacian(moment), 1), sp.Eq(moment, pk.laplacian(u))]
    hand = Hand(equations, [pk.Dirichlet(u, 0), pk.Neumann(u, y)], degree=degree)
    basis = hand.basis()
    stiffness = skfem.BilinearForm(lambda a, b, _: dot(grad(a), grad(b))).assemble(basis)
    mass = skfem.BilinearForm(lambda a, b, _: a * b).assemble(basis)
    slope = skfem.LinearForm(lambda b, at: at.x[1] * b).assemble(hand.side("boundary"))
    unit = skfem.LinearForm(lambda b, _: b).assemble(basis)
    blocks = {"u": (None, -stiffness), "m": (stiffness, mass)}
    matrix = sps.bmat([list(blocks[n]) for n in ("u", "m")]).tocsr()
    held = hand.fixed("boundary")
    wanted = solved(matrix, np.concatenate([unit, slope]), held, np.zeros(len(held)))
    for k, name in enumerate(("u", "m")):
        hand.assert_same(wanted[k * basis.N : (k + 1) * basis.N], name, 1e-10)
