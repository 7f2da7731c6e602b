"""Solutions with a known error: the exact one plus a perturbation that vanishes where values are prescribed.

Energy norms of the perturbations come from Gauss rules of their own, in coordinates fitted to each domain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.forms.emit import emit

x, y, z = pk.coordinates("x y z")
u = pk.unknown("u", x, y)
on_line = pk.unknown("u", x)
in_space = pk.unknown("u", x, y, z)

UNIT = pk.Rectangle((0, 0), (1, 1))
L_SHAPE = pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1), name="notch")
RING = pk.Disk((0, 0), 1, name="rim") - pk.Disk((0, 0), 0.4, name="hole")
HOLED = UNIT - pk.Disk((0.55, 0.5), 0.2, name="hole")
ELLIPSE = pk.Ellipse((0.1, -0.2), (1, 0.5), 0.3)
SMOOTH = sp.sin(2 * x) * sp.exp(y)
RADIUS2 = x**2 + y**2

Density = Callable[..., np.ndarray]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(80)
_NODES, _WEIGHTS = (_NODES + 1) / 2, _WEIGHTS / 2


@dataclass
class Formula:
    """A solution given as an expression, with derivatives by SymPy; ``calls`` counts points asked for."""

    problem: pk.Problem
    expression: sp.Expr
    calls: int = 0
    _known: dict[Sequence, Callable] = field(default_factory=dict)

    def derivatives(self, points, indices, extrapolate=False) -> Mapping[str, np.ndarray]:
        """∂^α (n, len(indices)) at points (n, d)."""
        variables = self.problem.variables
        if tuple(indices) not in self._known:
            wanted = [sp.diff(self.expression, *zip(variables, i, strict=True)) for i in indices]
            self._known[tuple(indices)] = emit(wanted, list(variables), np)
        self.calls += len(points)
        return {self.problem.unknown_names[0]: np.stack(self._known[tuple(indices)](*points.T), axis=1)}


@dataclass(frozen=True)
class Perturbed:
    """A problem, a perturbation of its exact solution, and the perturbation's energy norm."""

    name: str
    problem: pk.Problem
    perturbation: sp.Expr
    norm: float

    def solution(self, size: float) -> Formula:
        """The exact solution plus ``size`` perturbations."""
        (name,) = self.problem.unknown_names
        return Formula(self.problem, self.problem.exact[name] + sp.Float(size) * self.perturbation)


def square(
    name: str, wave: int, matrix: sp.Matrix | sp.Expr | int = 1, reaction: sp.Expr | int = 0
) -> Perturbed:
    """−div(A∇u) + c u = f on the unit square with ``wave`` half-waves of error across."""
    matrix = sp.eye(2) * matrix if not isinstance(matrix, sp.MatrixBase) else matrix
    slope = sp.Matrix([sp.diff(u, x), sp.diff(u, y)])
    problem = pk.manufactured("square", UNIT, [-pk.div(matrix * slope, [x, y]) + reaction * u], {u: SMOOTH})
    bubble = sp.sin(wave * sp.pi * x) * sp.sin(sp.pi * y) * sp.exp(x)
    return Perturbed(
        f"{name}, wave {wave}", problem, bubble, np.sqrt(_box(_energy(bubble, matrix, reaction)))
    )


def variable(wave: int) -> Perturbed:
    """A coefficient and a reaction that vary."""
    return square("variable coefficients", wave, 1 + x**2 + sp.exp(y), x)


def anisotropic(wave: int) -> Perturbed:
    """A full matrix that varies."""
    return square("anisotropic", wave, sp.Matrix([[20, 1 + x], [1 + x, 1 + y]]))


def corner_smooth() -> Perturbed:
    """The singular solution r^{2/3} of the L-shape, with a smooth error."""
    bubble = 3 * x * y * (1 - x**2) * (1 - y**2) * sp.sin(3 * x)
    squares = (((-1, -1), (0, 0)), ((-1, 0), (0, 1)), ((0, -1), (1, 0)))
    total = sum(_box(_energy(bubble), *corners) for corners in squares)
    return Perturbed("L-shape", _corner(_singular()), bubble, np.sqrt(total))


def corner_singular() -> Perturbed:
    """A smooth solution of the L-shape, with an error that has the corner's singularity."""
    bubble = _singular() * (1 - x**2) * (1 - y**2)
    ends = ((-1, 0), (-1, -1), (0, -1)), ((0, 1), (-1, 1), (-1, 0)), ((0, -1), (1, -1), (1, 0))
    density = _energy(bubble)
    total = sum(_wedge(density, a, b) + _wedge(density, b, c) for a, b, c in ends)
    return Perturbed("L-shape, singular error", _corner(SMOOTH), bubble, np.sqrt(total))


def ring(wave: int) -> Perturbed:
    """A disk with a round hole."""
    problem = pk.manufactured("ring", RING, [-pk.laplacian(u)], {u: SMOOTH})
    bubble = 5 * (1 - RADIUS2) * (RADIUS2 - sp.Rational(4, 25)) * sp.sin(wave * x) * sp.exp(y)
    return Perturbed(
        f"disk with a hole, wave {wave}", problem, bubble, np.sqrt(_annulus(_energy(bubble), 0.4, 1))
    )


def ring_robin() -> Perturbed:
    """A Robin condition on the hole, a reaction inside."""
    sides = {"rim": "dirichlet", "hole": "robin"}
    problem = pk.manufactured("Robin", RING, [-pk.laplacian(u) + 2 * u], {u: SMOOTH}, sides)
    bubble = (1 - RADIUS2) * sp.sin(2 * x + 1)
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    rim = emit([bubble**2], [x, y], np)(0.4 * np.cos(angle), 0.4 * np.sin(angle))[0].mean() * 0.8 * np.pi
    return Perturbed(
        "Robin on a hole", problem, bubble, np.sqrt(_annulus(_energy(bubble, reaction=2), 0.4, 1) + rim)
    )


def mixed() -> Perturbed:
    """Dirichlet on two sides of a square, Neumann on the others and on a hole, a coefficient that varies."""
    sides = {
        "left": "dirichlet",
        "right": "dirichlet",
        "top": "neumann",
        "bottom": "neumann",
        "hole": "neumann",
    }
    problem = pk.manufactured("mixed", HOLED, [-pk.div((1 + x) * pk.grad(u))], {u: SMOOTH}, sides)
    bubble = sp.sin(sp.pi * x) * sp.cos(2 * sp.pi * y)
    density = _energy(bubble, sp.eye(2) * (1 + x))
    total = _box(density) - _annulus(density, 0, 0.2, (0.55, 0.5))
    return Perturbed("mixed conditions around a hole", problem, bubble, np.sqrt(total))


def ellipse() -> Perturbed:
    """A turned ellipse."""
    problem = pk.manufactured("ellipse", ELLIPSE, [-pk.laplacian(u)], {u: SMOOTH})
    c, s = sp.cos(sp.Float(0.3)), sp.sin(sp.Float(0.3))
    right, up = x - sp.Float(0.1), y + sp.Float(0.2)
    first, second = c * right + s * up, 2 * (c * up - s * right)
    bubble = (1 - first**2 - second**2) * sp.cos(3 * x)
    density = _energy(bubble)
    c, s = float(c), float(s)

    def on_disk(a, b):
        return density(0.1 + c * a - s * b / 2, -0.2 + s * a + c * b / 2) / 2

    return Perturbed("ellipse", problem, bubble, np.sqrt(_annulus(on_disk, 0, 1)))


def line(wave: int) -> Perturbed:
    """A coefficient that varies on an interval, with a Robin condition at one end."""
    operator = -sp.diff((1 + x) * sp.diff(on_line, x), x) + x * on_line
    sides = {"left": "dirichlet", "right": "robin"}
    problem = pk.manufactured("interval", pk.Interval(0, 2), [operator], {on_line: sp.exp(x)}, sides)
    bubble = x * sp.sin(wave * x)
    density = emit([(1 + x) * sp.diff(bubble, x) ** 2 + x * bubble**2], [x], np)(2 * _NODES)[0]
    end = float(3 * bubble.subs(x, 2) ** 2)
    return Perturbed(f"interval, wave {wave}", problem, bubble, np.sqrt(2 * density @ _WEIGHTS + end))


def box() -> Perturbed:
    """A cube."""
    exact = SMOOTH * sp.cos(z)
    problem = pk.manufactured(
        "cube", pk.Box((0, 0, 0), (1, 1, 1)), [-pk.laplacian(in_space)], {in_space: exact}
    )
    bubble = sp.sin(sp.pi * x) * sp.sin(sp.pi * y) * sp.sin(2 * sp.pi * z)
    return Perturbed("cube", problem, bubble, np.sqrt(6 / 8) * np.pi)


def _corner(exact: sp.Expr) -> pk.Problem:
    return pk.manufactured("L-shape", L_SHAPE, [-pk.laplacian(u)], {u: exact})


def _singular() -> sp.Expr:
    """r^{2/3} sin(2θ/3), θ counted from the upper side of the notch."""
    turn = sp.pi / 2 + 3 * sp.pi / 4
    right, up = sp.cos(turn) * x + sp.sin(turn) * y, sp.cos(turn) * y - sp.sin(turn) * x
    angle = sp.atan2(up, right) + 3 * sp.pi / 4
    return RADIUS2 ** sp.Rational(1, 3) * sp.sin(2 * angle / 3)


def _energy(bubble: sp.Expr, matrix: sp.Matrix | None = None, reaction: sp.Expr | int = 0) -> Density:
    """A∇v·∇v + c v² as a function of x and y."""
    slope = sp.Matrix([sp.diff(bubble, x), sp.diff(bubble, y)])
    matrix = sp.eye(2) if matrix is None else matrix
    function = emit([(slope.T * matrix * slope)[0] + reaction * bubble**2], [x, y], np)
    return lambda a, b: function(a, b)[0]


def _box(density: Density, lower=(0, 0), upper=(1, 1)) -> float:
    (left, bottom), (right, top) = lower, upper
    a, b = np.meshgrid(left + (right - left) * _NODES, bottom + (top - bottom) * _NODES)
    area = (right - left) * (top - bottom)
    return float((density(a, b) * np.outer(_WEIGHTS, _WEIGHTS)).sum() * area)


def _annulus(density: Density, inner: float, outer: float, center=(0.0, 0.0)) -> float:
    radius, angle = np.meshgrid(
        inner + (outer - inner) * _NODES, np.linspace(0, 2 * np.pi, 400, endpoint=False)
    )
    values = density(center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)) * radius
    return float(values.mean(axis=0) @ _WEIGHTS * 2 * np.pi * (outer - inner))


def _wedge(density: Density, first, second) -> float:
    """Over the triangle of the origin and two corners, with nodes that crowd towards the origin."""
    crowded, slope = _NODES**4, 4 * _NODES**3
    share, along = np.meshgrid(crowded, _NODES)
    a, b = (share * (p + (q - p) * along) for p, q in zip(first, second, strict=True))
    area = abs(first[0] * second[1] - first[1] * second[0])
    return float((density(a, b) * share * np.outer(_WEIGHTS, _WEIGHTS * slope)).sum() * area)


def everything() -> list[Perturbed]:
    """All of them, with several frequencies."""
    return [
        *(square("Poisson", wave) for wave in (1, 3, 6)),
        *(square("screened Poisson", wave, reaction=100) for wave in (1, 6)),
        *(variable(wave) for wave in (1, 3, 6)),
        anisotropic(2), corner_smooth(), corner_singular(), ring(1), ring(5), ring_robin(), mixed(),
        ellipse(), line(2), line(9), box(),
    ]  # fmt: skip
