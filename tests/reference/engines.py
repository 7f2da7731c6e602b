"""The same discrete problems solved by NGSolve, whose elements, assembly and solvers are its own.

Each entry of ``KINDS`` solves one problem twice, on one mesh with elements of one degree, and returns the
largest difference at common points relative to the largest value. The forms on NGSolve's side are written by
hand. Both sides take the same quadrature points, so that coefficients may be anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import ngsolve as ng
import numpy as np
import sympy as sp
from netgen import meshing
from ngsolve import ds, dx, grad

import pinnkit as pk
from pinnkit.declare.symbols import normal
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.elements import quadrature
from pinnkit.reference.mesh import FiniteMesh
from pinnkit.reference.meshing import Meshes

x, y, z = pk.coordinates("x y z")
u, v, p = (pk.unknown(name, x, y) for name in "uvp")
solid = pk.unknown("u", x, y, z)
N_X, N_Y = normal(x), normal(y)
UNIT = pk.Rectangle((0, 0), (1, 1))
X, Y, Z = ng.x, ng.y, ng.z
SIDES = "left|right|bottom|top"
KINDS: dict[str, Callable[[], float]] = {}


def kind(solve: Callable[[], float]) -> Callable[[], float]:
    """Enter a comparison under its name."""
    KINDS[solve.__name__] = solve
    return solve


def differences() -> dict[str, float]:
    """The relative difference of every kind."""
    return {name: solve() for name, solve in KINDS.items()}


class Pair:
    """One problem on one mesh for both engines; cells beyond x = ``right`` are a material of their own."""

    def __init__(self, problem: pk.Problem, degree: int, size: float, right: float = np.inf):
        self.problem, self.degree = problem, degree
        own = Meshes(problem.domain, degree).first(size)
        self.own = Discretisation(derive(problem), own, degree)
        self.mesh = converted(own, right, periodic=bool(problem.periodic))
        kinds = {2: (ng.ET.TRIG, ng.ET.SEGM), 3: (ng.ET.TET, ng.ET.TRIG)}[own.dimension]
        rules = [_rule(own.dimension - k, self.own._order) for k in range(2)]
        self.dx = dx(intrules={kinds[0]: rules[0]})
        self.boundary = {kinds[1]: rules[1]}

    def ds(self, where: str):
        """∮ over named boundaries."""
        return ds(where, intrules=self.boundary)

    def space(self, fixed: str = "", lower: int = 0, **options) -> ng.FESpace:
        """Continuous elements, ``lower`` degrees below the others, fixed on some boundaries."""
        return ng.H1(self.mesh, order=self.degree - lower, dirichlet=fixed, **options)

    def difference(self, found: Mapping[str, ng.CoefficientFunction], loose: Sequence[str] = ()) -> float:
        """Largest difference of all unknowns, of ``loose`` ones without their mean over the points."""
        # Well within the cells: NGSolve takes points near a side for the neighbour's.
        own_mesh = self.own.mesh
        inside = np.array([0.2, 0.3, 0.35])[: own_mesh.dimension, None]
        points = own_mesh.map(np.arange(len(own_mesh.cells)), inside)[:, 0]
        places = self.mesh(*points.T)
        own = self.own.solve().evaluate(points)
        worst = 0.0
        for name, field in found.items():
            theirs = np.asarray(field(places)).reshape(len(points))
            gap = own[name] - theirs
            gap -= gap.mean() if name in loose else 0.0
            worst = max(worst, float(np.abs(gap).max() / np.abs(theirs).max()))
        return worst


def converted(own: FiniteMesh, right: float = np.inf, periodic: bool = False) -> ng.Mesh:
    """A mesh for NGSolve; cells with a centre beyond x = ``right`` are the material "right".

    A periodic one has the left and right sides of a rectangle identified.
    """
    out = meshing.Mesh()
    out.dim = own.dimension
    flat = (0.0,) * (3 - own.dimension)
    vertices = [out.Add(meshing.MeshPoint(meshing.Pnt(*q, *flat))) for q in own.points]
    curved = own.edge_nodes is not None
    middles = [out.Add(meshing.MeshPoint(meshing.Pnt(*q, *flat))) for q in own.middles] if curved else []
    # In space a boundary is a face and a cell a volume; in the plane an edge and a face.
    if own.dimension == 3:
        boundary, cell = meshing.Element2D, meshing.Element3D
        for k in range(1, len(own.boundaries) + 1):
            out.Add(meshing.FaceDescriptor(surfnr=k, domin=1, domout=0, bc=k))
    else:
        boundary, cell = meshing.Element1D, meshing.Element2D
        for k in (1, 2):
            out.Add(meshing.FaceDescriptor(surfnr=k, domin=k, bc=k))
    out.SetMaterial(1, "left")
    out.SetMaterial(2, "right")
    for k, (name, facets) in enumerate(own.boundaries.items(), 1):
        for facet in facets:
            corners = [vertices[i] for i in own.facets[facet]]
            corners += [middles[facet]] if curved else []
            if own.dimension == 3:
                out.Add(boundary(k, corners))
            else:
                out.Add(boundary(corners, index=k))
        out.SetBCName(k - 1, name)
    beyond = own.points[own.cells].mean(axis=1)[:, 0] > right
    for row, corners in enumerate(own.cells):
        nodes = [vertices[i] for i in corners]
        if own.dimension == 3 and np.linalg.det(own.points[corners[1:]] - own.points[corners[0]]) > 0:
            nodes[2:] = nodes[:1:-1]
        if curved:
            first, second, third = own.cell_edges[row]  # (0, 1), (1, 2), (0, 2); there opposite to 0, 1, 2
            nodes += [middles[second], middles[third], middles[first]]
        out.Add(cell(1 + int(beyond[row]), nodes))
    if periodic:
        ends = [np.unique(own.facets[own.boundaries[name]]) for name in ("left", "right")]
        left, right_end = (e[np.argsort(own.points[e, 1])] for e in ends)
        for a, b in zip(left, right_end, strict=True):
            out.AddPointIdentification(vertices[a], vertices[b], 1, meshing.IdentificationType.PERIODIC)
    out.SetGeometry(None)
    return ng.Mesh(out)


def _rule(dimension: int, order: int) -> ng.IntegrationRule:
    points, weights = quadrature(dimension, order)
    return ng.IntegrationRule([tuple(q) for q in points.T], list(weights))


def linear(form, load, space: ng.FESpace, start: ng.GridFunction) -> ng.GridFunction:
    """The solution of ``form`` = ``load`` with the prescribed values of ``start``.

    By umfpack: sparsecholesky on a matrix that is not symmetric returns garbage without a word.
    """
    matrix, vector = ng.BilinearForm(form).Assemble().mat, ng.LinearForm(load).Assemble().vec
    inverse = matrix.Inverse(space.FreeDofs(), inverse="umfpack")
    for _ in range(2):  # the second refines the first
        start.vec.data += inverse * (vector - matrix * start.vec)
    return start


def newton(form, space: ng.FESpace, start: ng.GridFunction) -> ng.GridFunction:
    """``form`` = 0 by Newton's method, undamped, to rounding."""
    problem, residual = ng.BilinearForm(space), start.vec.CreateVector()
    problem += form
    for _ in range(12):
        problem.Apply(start.vec, residual)
        problem.AssembleLinearization(start.vec)
        start.vec.data -= problem.mat.Inverse(space.FreeDofs(), inverse="umfpack") * residual
    return start


def held(space: ng.FESpace, *values: tuple[int | None, object, str]) -> ng.GridFunction:
    """Prescribed values as (component or None, value, boundaries): polynomials that the elements hold."""
    field = ng.GridFunction(space)
    for component, value, where in values:
        part = field if component is None else field.components[component]
        kept = field.vec.CreateVector()
        kept.data = field.vec
        fresh = ng.GridFunction(part.space)
        fresh.Set(value, definedon=part.space.mesh.Boundaries(where))
        dofs = part.space.GetDofs(part.space.mesh.Boundaries(where))
        for dof in range(part.space.ndof):
            if dofs[dof]:
                part.vec[dof] = fresh.vec[dof]
    return field


def steady(name: str, equations, conditions, domain: pk.Shape = UNIT) -> pk.Problem:
    """A declaration with operators or equations."""
    return pk.Problem(name=name, domain=domain, equations=equations, conditions=conditions)


@kind
def poisson_on_a_curved_disk() -> float:
    equation = sp.Eq(-pk.laplacian(u), sp.exp(x) * sp.cos(3 * y))
    pair = Pair(steady("disk", [equation], [pk.Dirichlet(u, 1)], pk.Disk((0, 0), 1)), 3, 0.5)
    space = pair.space("rim")
    a, b = space.TnT()
    found = linear(
        grad(a) * grad(b) * pair.dx,
        ng.exp(X) * ng.cos(3 * Y) * b * pair.dx,
        space,
        held(space, (None, 1, "rim")),
    )
    return pair.difference({"u": found})


@kind
def convection_diffusion_reaction() -> float:
    """A full tensor, all coefficients variable, one kind of condition on each side."""
    slope = pk.grad(u)
    flux = [-(2 + x) * slope[0] - y * slope[1] / 2, -x * slope[0] / 3 - sp.exp(y) * slope[1]]
    operator = pk.div(flux, [x, y]) + y * sp.diff(u, x) - x * sp.diff(u, y)
    outward = N_X * flux[0] + N_Y * flux[1]
    conditions = [
        pk.Dirichlet(u, x * y, "left"), pk.Dirichlet(u, y**2, "right"),
        pk.Condition(outward - sp.sin(x), "bottom"), pk.Condition(outward - 3 * u + sp.cos(x), "top"),
    ]  # fmt: skip
    problem = steady("cdr", {"balance": sp.Eq(operator + (1 + x * y) * u, sp.sin(5 * x))}, conditions)
    pair = Pair(problem, 3, 0.25)
    space = pair.space("left|right")
    a, b = space.TnT()
    tensor = ng.CF((2 + X, Y / 2, X / 3, ng.exp(Y)), dims=(2, 2))
    form = (tensor * grad(a)) * grad(b) + (Y * grad(a)[0] - X * grad(a)[1] + (1 + X * Y) * a) * b
    found = linear(
        form * pair.dx + 3 * a * b * pair.ds("top"),
        ng.sin(5 * X) * b * pair.dx + ng.cos(X) * b * pair.ds("top") - ng.sin(X) * b * pair.ds("bottom"),
        space,
        held(space, (None, X * Y, "left"), (None, Y**2, "right")),
    )
    return pair.difference({"u": found})


@kind
def elasticity_with_mixed_components() -> float:
    """u on the left, v below, tractions of the other component, and a body force."""
    first, second = sp.Rational(7, 2), sp.S(2)  # Lamé's λ and μ
    swelling = first * (sp.diff(u, x) + sp.diff(v, y))
    shear = second * (sp.diff(u, y) + sp.diff(v, x))
    normal_stress = [swelling + 2 * second * sp.diff(u, x), swelling + 2 * second * sp.diff(v, y)]
    equations = {
        "along": sp.Eq(-pk.div([normal_stress[0], shear], [x, y]), sp.sin(x * y)),
        "up": sp.Eq(-pk.div([shear, normal_stress[1]], [x, y]), sp.exp(x)),
    }
    conditions = [
        pk.Dirichlet(u, y / 10, "left"), pk.Flux("up", y, "left"),
        pk.Dirichlet(v, 0, "bottom"), pk.Flux("along", 0, "bottom"),
        *(pk.Flux(e, 0, side) for e in equations for side in ("right", "top")),
    ]  # fmt: skip
    pair = Pair(steady("plate", equations, conditions), 3, 0.25)
    space = pair.space("left") * pair.space("bottom")
    (a, b), (c, d) = space.TnT()
    strain = [grad(a)[0], (grad(a)[1] + grad(b)[0]) / 2, grad(b)[1]]
    virtual = [grad(c)[0], (grad(c)[1] + grad(d)[0]) / 2, grad(d)[1]]
    inner = strain[0] * virtual[0] + 2 * strain[1] * virtual[1] + strain[2] * virtual[2]
    found = linear(
        (3.5 * (strain[0] + strain[2]) * (virtual[0] + virtual[2]) + 4 * inner) * pair.dx,
        (ng.sin(X * Y) * c + ng.exp(X) * d) * pair.dx - Y * d * pair.ds("left"),
        space,
        held(space, (0, Y / 10, "left")),
    )
    return pair.difference(dict(zip("uv", found.components, strict=True)))


def _flow(speed: float) -> tuple[dict[str, sp.Eq], Callable]:
    """Declared equations of a flow with convection times ``speed``, and the form by hand."""
    carried = [speed * pk.material_derivative(c, (u, v)) for c in (u, v)]
    equations = {
        "along": sp.Eq(carried[0] - pk.laplacian(u) / 10 + sp.diff(p, x), sp.sin(3 * y)),
        "up": sp.Eq(carried[1] - pk.laplacian(v) / 10 + sp.diff(p, y), x**2),
        "volume": sp.Eq(sp.diff(u, x) + sp.diff(v, y), 0),
    }

    def form(trial, test):
        (a, b, q), (c, d, r) = trial, test
        total = 0.1 * (grad(a) * grad(c) + grad(b) * grad(d))
        total += speed * ((a * grad(a)[0] + b * grad(a)[1]) * c + (a * grad(b)[0] + b * grad(b)[1]) * d)
        return total - q * (grad(c)[0] + grad(d)[1]) + r * (grad(a)[0] + grad(b)[1])

    return equations, form


@kind
def stokes_in_a_closed_box() -> float:
    """Taylor–Hood; the pressure's constant is fixed by a multiplier on the other side."""
    equations, form = _flow(0)
    conditions = [pk.Dirichlet(u, x * (1 - x), "top"), *(pk.Dirichlet(u, 0, s) for s in SIDES.split("|")[:3])]
    pair = Pair(steady("box", equations, [*conditions, pk.Dirichlet(v, 0)]), 3, 0.25)
    space = pair.space(SIDES) * pair.space(SIDES) * pair.space(lower=1) * ng.NumberSpace(pair.mesh)
    (*trial, mean), (*test, weight) = space.TnT()
    found = linear(
        (form(trial, test) + trial[2] * weight + test[2] * mean) * pair.dx,
        (ng.sin(3 * Y) * test[0] + X**2 * test[1]) * pair.dx,
        space,
        held(space, (0, X * (1 - X), "top")),
    )
    return pair.difference(dict(zip("uvp", found.components[:3], strict=True)), loose="p")


@kind
def navier_stokes_with_outflow() -> float:
    equations, form = _flow(1)
    walls = [pk.Dirichlet(c, 0, side) for c in (u, v) for side in ("bottom", "top")]
    inflow = [pk.Dirichlet(u, 4 * y * (1 - y), "left"), pk.Dirichlet(v, 0, "left")]
    outflow = [pk.Condition(sp.diff(u, x) / 10 - p, "right"), pk.Condition(sp.diff(v, x) / 10, "right")]
    pair = Pair(steady("channel", equations, [*walls, *inflow, *outflow]), 3, 0.25)
    fixed = "left|bottom|top"
    space = pair.space(fixed) * pair.space(fixed) * pair.space(lower=1)
    trial, test = space.TnT()
    load = (ng.sin(3 * Y) * test[0] + X**2 * test[1]) * pair.dx
    start = held(space, (0, 4 * Y * (1 - Y), "left"))
    found = newton(form(trial, test) * pair.dx - load, space, start)
    return pair.difference(dict(zip("uvp", found.components, strict=True)))


@kind
def helmholtz_in_complex_numbers() -> float:
    """Two real unknowns here, one complex there; −Δw − 25 w = f, ∂w/∂n = 5i w on the boundary."""
    equations = [sp.Eq(-pk.laplacian(u) - 25 * u, sp.exp(x)), sp.Eq(-pk.laplacian(v) - 25 * v, y)]
    slopes = [N_X * sp.diff(c, x) + N_Y * sp.diff(c, y) for c in (u, v)]
    conditions = [
        pk.Condition(slopes[0] + 5 * v, where="boundary"),
        pk.Condition(slopes[1] - 5 * u, where="boundary"),
    ]
    pair = Pair(steady("sound", equations, conditions), 3, 0.25)
    space = pair.space(complex=True)
    a, b = space.TnT()
    found = linear(
        (grad(a) * grad(b) - 25 * a * b) * pair.dx - 5j * a * b * pair.ds(SIDES),
        (ng.exp(X) + 1j * Y) * b * pair.dx,
        space,
        ng.GridFunction(space),
    )
    return pair.difference({"u": found.real, "v": found.imag})


@kind
def nonlinear_diffusion_with_radiation() -> float:
    """−∇·((1 + u²)∇u) = 5 with u prescribed on one side and radiating on another."""
    conditions = [
        pk.Dirichlet(u, y, "left"), pk.Flux("heat", u**4 - 1, "right"),
        pk.Flux("heat", 0, "bottom"), pk.Flux("heat", 0, "top"),
    ]  # fmt: skip
    pair = Pair(steady("glow", {"heat": sp.Eq(-pk.div((1 + u**2) * pk.grad(u)), 5)}, conditions), 3, 0.25)
    space = pair.space("left")
    a, b = space.TnT()
    form = ((1 + a**2) * (grad(a) * grad(b)) - 5 * b) * pair.dx + (a**4 - 1) * b * pair.ds("right")
    return pair.difference({"u": newton(form, space, held(space, (None, Y, "left")))})


@kind
def jumping_coefficient() -> float:
    """Conductivity 1 on the left half, 10 on the right, where NGSolve has a material of its own."""
    conductivity = sp.Piecewise((1, x < sp.Rational(1, 2)), (10, True))
    problem = steady("layers", [sp.Eq(-pk.div(conductivity * pk.grad(u)), sp.cos(y))], [pk.Dirichlet(u, x)])
    pair = Pair(problem, 3, 0.25, right=0.5)
    space = pair.space(SIDES)
    a, b = space.TnT()
    jumping = pair.mesh.MaterialCF({"left": 1, "right": 10})
    found = linear(
        jumping * (grad(a) * grad(b)) * pair.dx, ng.cos(Y) * b * pair.dx, space, held(space, (None, X, SIDES))
    )
    return pair.difference({"u": found})


@kind
def clamped_plate() -> float:
    """m = Δu and Δm = f with value and slope of u given, as Ciarlet and Raviart wrote it."""
    bending = pk.unknown("m", x, y)
    equations = [sp.Eq(pk.laplacian(bending), sp.exp(x)), sp.Eq(bending, pk.laplacian(u))]
    pair = Pair(steady("plate", equations, [pk.Dirichlet(u, 0), pk.Neumann(u, x)]), 3, 0.25)
    space = pair.space(SIDES) * pair.space()
    (a, m), (c, n) = space.TnT()
    found = linear(
        (-grad(m) * grad(c) - m * n - grad(a) * grad(n)) * pair.dx,
        ng.exp(X) * c * pair.dx - X * n * pair.ds(SIDES),
        space,
        ng.GridFunction(space),
    )
    return pair.difference(dict(zip("um", found.components, strict=True)))


@kind
def periodic_strip() -> float:
    equation = sp.Eq(-pk.laplacian(u) + sp.diff(u, x) + u, sp.exp(sp.sin(2 * sp.pi * x)) * y)
    conditions = [pk.Periodic(x), pk.Dirichlet(u, 0, "bottom"), pk.Dirichlet(u, 1, "top")]
    pair = Pair(steady("strip", [equation], conditions), 3, 0.25)
    space = ng.Periodic(pair.space("bottom|top"))
    a, b = space.TnT()
    found = linear(
        (grad(a) * grad(b) + grad(a)[0] * b + a * b) * pair.dx,
        ng.exp(ng.sin(2 * np.pi * X)) * Y * b * pair.dx,
        space,
        held(space, (None, 1, "top")),
    )
    return pair.difference({"u": found})


@kind
def poisson_in_space() -> float:
    # A polynomial, for rules on tetrahedra depend on the order of the corners.
    equation = sp.Eq(-pk.laplacian(solid), x * y - z)
    sides = ["left", "right", "front", "back", "bottom"]
    conditions = [*(pk.Dirichlet(solid, 0, s) for s in sides), pk.Robin(solid, 2, 1, x, "top")]
    pair = Pair(steady("cube", [equation], conditions, pk.Box((0, 0, 0), (1, 1, 1))), 2, 0.4)
    space = pair.space("|".join(sides))
    a, b = space.TnT()
    found = linear(
        grad(a) * grad(b) * pair.dx + 2 * a * b * pair.ds("top"),
        (X * Y - Z) * b * pair.dx + X * b * pair.ds("top"),
        space,
        ng.GridFunction(space),
    )
    return pair.difference({"u": found})
