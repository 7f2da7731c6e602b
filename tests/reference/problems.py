"""Problems with known solutions that the tests of the reference share, and their errors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.forms.emit import emit
from pinnkit.reference.assembly import IntegrationSet
from pinnkit.reference.elements import tabulate
from pinnkit.reference.fields import DiscreteField

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
u, v = pk.unknown("u", x, y), pk.unknown("v", x, y)
w, z = pk.unknown("w", x, t), pk.unknown("z", x, t)
flat = pk.unknown("u", x, y, t)

UNIT = pk.Rectangle((0, 0), (1, 1))
SMOOTH = sp.sin(2 * x) * sp.exp(y)


def poisson_disk() -> pk.Problem:
    """−Δu = f on the unit disk."""
    return pk.manufactured("poisson_disk", pk.Disk((0, 0), 1), [-pk.laplacian(u)], {u: SMOOTH})


def poisson_square() -> pk.Problem:
    """−Δu = f on the unit square."""
    return pk.manufactured("poisson_square", UNIT, [-pk.laplacian(u)], {u: SMOOTH})


def nonlinear_poisson() -> pk.Problem:
    """−∇·((1 + u²)∇u) = f on the unit square."""
    operator = -pk.div((1 + u**2) * pk.grad(u))
    return pk.manufactured("nonlinear", UNIT, [operator], {u: sp.sin(sp.pi * x) * sp.sin(sp.pi * y)})


def minimal_surface() -> pk.Problem:
    """Scherk's surface: ∇·(∇u/√(1 + |∇u|²)) = 0."""
    slope = pk.grad(u)
    operator = -pk.div(slope / sp.sqrt(1 + slope.dot(slope)))
    surface = {u: sp.log(sp.cos(x) / sp.cos(y))}
    return pk.manufactured("minimal", pk.Rectangle((-1, -1), (1, 1)), [operator], surface)


def convection_robin() -> pk.Problem:
    """Convection, diffusion and reaction around a hole, one kind of condition on each side."""
    domain = UNIT - pk.Disk((0.5, 0.5), 0.2, name="hole")
    sides = dict.fromkeys(("left", "hole"), "dirichlet") | dict.fromkeys(("right", "bottom"), "neumann")
    sides["top"] = "robin"
    operator = -pk.laplacian(u) + 3 * sp.diff(u, x) + u
    return pk.manufactured("convection", domain, [operator], {u: sp.exp(x) * sp.cos(y)}, sides)


def elasticity() -> pk.Problem:
    """Plane elasticity with λ = μ = 1."""
    strain = sp.diff(u, x) + sp.diff(v, y)
    shear = sp.diff(u, y) + sp.diff(v, x)
    equations = [
        -sp.diff(strain + 2 * sp.diff(u, x), x) - sp.diff(shear, y),
        -sp.diff(strain + 2 * sp.diff(v, y), y) - sp.diff(shear, x),
    ]
    exact = {u: sp.sin(x) * sp.cos(2 * y), v: sp.exp(x * y)}
    return pk.manufactured("elasticity", UNIT, equations, exact)


def kovasznay() -> pk.Problem:
    """Steady Navier–Stokes behind a grid at Re = 40 (Kovasznay 1948)."""
    p = pk.unknown("p", x, y)
    rate = 20 - sp.sqrt(400 + 4 * sp.pi**2)
    exact = {
        u: 1 - sp.exp(rate * x) * sp.cos(2 * sp.pi * y),
        v: rate / (2 * sp.pi) * sp.exp(rate * x) * sp.sin(2 * sp.pi * y),
        p: (1 - sp.exp(2 * rate * x)) / 2,
    }
    flow, force = (u, v), pk.grad(p, [x, y])
    momentum = [
        pk.material_derivative(c, flow) + f - pk.laplacian(c) / 40 for c, f in zip(flow, force, strict=True)
    ]
    domain = pk.Rectangle((-0.5, -0.5), (1, 1.5))
    conditions = [pk.Dirichlet(c, exact[c]) for c in flow]
    conditions.append(pk.PointValue(p, exact[p].subs({x: -0.5}).evalf(17), at=(-0.5, -0.5)))
    equations = [*momentum, pk.div(flow, [x, y])]
    return pk.Problem(
        name="kovasznay", domain=domain, equations=[sp.Eq(e, 0) for e in equations], conditions=conditions
    )


KOVASZNAY_RATE = 20 - np.sqrt(400 + 4 * np.pi**2)


def kovasznay_exact(points: np.ndarray) -> dict[str, np.ndarray]:
    """The flow and its pressure at points (n, 2)."""
    a, b = points.T
    decay = np.exp(KOVASZNAY_RATE * a)
    return {
        "u": 1 - decay * np.cos(2 * np.pi * b),
        "v": KOVASZNAY_RATE / (2 * np.pi) * decay * np.sin(2 * np.pi * b),
        "p": (1 - decay**2) / 2,
    }


def steep() -> pk.Problem:
    """−u″ = f with a layer of width 1/80."""
    line = pk.unknown("u", x)
    solution = sp.sin(8 * sp.pi * x) / 10 + sp.tanh(80 * x)
    return pk.manufactured("steep", pk.Interval(-1, 1), [-sp.diff(line, x, 2)], {line: solution})


def heat_disk() -> pk.Problem:
    """u_t = Δu/4 + f on the disk, boundary data moving."""
    solution = sp.exp(-t) * sp.sin(sp.pi * x) * sp.cos(y) + t * x
    operator = sp.diff(flat, t) - pk.laplacian(flat) / 4
    return pk.manufactured("heat_disk", pk.Disk((0, 0), 1), [operator], {flat: solution})


def travelling_wave() -> pk.Problem:
    """Burgers' equation with a front of width 1/10 that moves at speed one."""
    thickness = sp.Rational(1, 20)
    operator = sp.diff(w, t) + w * sp.diff(w, x) - thickness * sp.diff(w, x, 2)
    front = 1 - sp.tanh((x - t) / (2 * thickness))
    return pk.manufactured("front", pk.Interval(-1, 2), [operator], {w: front})


def reaction_diffusion() -> pk.Problem:
    """Two coupled unknowns."""
    equations = [
        sp.diff(w, t) - sp.diff(w, x, 2) / 10 - w * z,
        sp.diff(z, t) - sp.diff(z, x, 2) / 5 + w**2,
    ]
    exact = {w: sp.exp(-t) * sp.cos(sp.pi * x), z: sp.sin(t) * x**2 + 1}
    return pk.manufactured("reaction", pk.Interval(-1, 1), equations, exact)


def wave_and_heat() -> pk.Problem:
    """A wave equation beside a heat equation: second and first order in time at once."""
    equations = [
        sp.diff(w, t, 2) - sp.diff(w, x, 2) + z,
        sp.diff(z, t) - sp.diff(z, x, 2) + sp.diff(w, t),
    ]
    exact = {w: sp.sin(sp.pi * x) * sp.cos(t), z: sp.exp(-t) * sp.cos(sp.pi * x)}
    return pk.manufactured("coupled", pk.Interval(0, 1), equations, exact)


def advection() -> pk.Problem:
    """u_t + u_x = 0 on a circle."""
    wave = {w: sp.sin(2 * sp.pi * (x - t))}
    return pk.manufactured("advection", pk.Interval(0, 1), [sp.diff(w, t) + sp.diff(w, x)], wave, "periodic")


def wave() -> pk.Problem:
    """u_tt = 4 u_xx, two standing waves."""
    solution = sp.sin(sp.pi * x) * sp.cos(2 * sp.pi * t) + sp.sin(4 * sp.pi * x) * sp.cos(8 * sp.pi * t) / 2
    operator = sp.diff(w, t, 2) - 4 * sp.diff(w, x, 2)
    return pk.manufactured("wave", pk.Interval(0, 1), [operator], {w: solution})


def sine_gordon() -> pk.Problem:
    """The breather, which starts from zero with a velocity."""
    rate = sp.Rational(3, 5)
    slope = sp.sqrt(1 - rate**2)
    breather = 4 * sp.atan(slope / rate * sp.sin(rate * t) / sp.cosh(slope * x))
    operator = sp.diff(w, t, 2) - sp.diff(w, x, 2) + sp.sin(w)
    return pk.manufactured("breather", pk.Interval(-10, 10), [operator], {w: breather})


def errors(solution: DiscreteField, problem: pk.Problem, name: str) -> tuple[float, float]:
    """L2 norm and H1 seminorm of the error of a steady unknown with an exact solution."""
    exact = problem.exact[name]
    slopes = [sp.diff(exact, c) for c in problem.coordinates]
    return distance(solution, name, emit([exact, *slopes], list(problem.coordinates), np))


def distance(solution: DiscreteField, name: str, wanted: Callable) -> tuple[float, float]:
    """L2 norm and H1 seminorm of the difference to ``wanted``: coordinates → value and slopes."""
    k = solution.names.index(name)
    product, space = solution.product, solution.product.spaces[k]
    domain = IntegrationSet.of_cells(space.mesh, 2 * space.degree + 4)
    table = tabulate(space.mesh.dimension, space.degree, domain.reference)
    local = solution.coefficients[product.part(k)][space.cell_dofs]
    exact, *slopes = wanted(*np.moveaxis(domain.points, -1, 0))
    reference = np.stack([local @ table[..., 1 + r] for r in range(space.mesh.dimension)], axis=-1)
    inverse = np.broadcast_to(domain.inverse, (*reference.shape, space.mesh.dimension))
    gradient = np.einsum("cqr,cqrd->cqd", reference, inverse)
    value = (domain.weights * (local @ table[..., 0] - exact) ** 2).sum()
    slope = sum((domain.weights * (gradient[..., i] - s) ** 2).sum() for i, s in enumerate(slopes))
    return float(np.sqrt(value)), float(np.sqrt(slope))


def relative_error(solution: DiscreteField, problem: pk.Problem, name: str) -> float:
    """L2 norm of the error of a steady unknown relative to the exact solution, by quadrature on the mesh."""
    space = solution.product.spaces[solution.names.index(name)]
    domain = IntegrationSet.of_cells(space.mesh, 2 * space.degree + 4)
    values = emit([problem.exact[name]], list(problem.coordinates), np)(*np.moveaxis(domain.points, -1, 0))[0]
    return errors(solution, problem, name)[0] / float(np.sqrt((domain.weights * values**2).sum()))


def scattered(problem: pk.Problem, count: int = 20_000) -> np.ndarray:
    """Points (n, d) within the domain, and within the time where there is one."""
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (count, len(problem.variables)))
    return points[problem.domain.contains(points[:, : len(problem.coordinates)])]


def true_error(reference, problem: pk.Problem) -> dict[str, float]:
    """Relative error at scattered points, by the problem's exact solution."""
    points = scattered(problem)
    found = reference.evaluate(points)
    result = {}
    for name, expression in problem.exact.items():
        wanted = emit([expression], list(problem.variables), np)(*points.T)[0]
        result[name] = float(np.linalg.norm(found[name] - wanted) / np.linalg.norm(wanted))
    return result
