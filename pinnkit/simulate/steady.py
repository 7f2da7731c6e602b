"""Steady problems by finite elements, refined until two meshes agree; what is inferred, by least squares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.problem import Problem
from ..forms import FormUnavailable
from ..forms.elliptic import elliptic_form
from ..geometry.corners import corners
from ..geometry.mesh import Mesh
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.sampling import interior
from ..geometry.shapes import Shape
from ..geometry.simplices import simplices
from .basis import FieldBasis
from .compiled import compiled
from .estimate import parameter_notes, widened
from .finite_element import FiniteElements
from .forward import BlowUp
from .integrands import Coefficients
from .inverse import infer
from .mesh_field import MeshField
from .model import FITTING, InverseOptions, Model
from .trajectory import Solved, SplineField, SplineFields

_FIRST = {1: 8, 2: 6, 3: 2}  # cells along the longest side of the first mesh, by dimension
_LOST = 1e-7  # of a solution, singular at a corner, that the last cell there may lose
_GRADING = 0.6  # growth of cells with the distance from corners
_SAMPLES = 2048
_UNRESOLVED = 0.1  # relative difference of two meshes that says nothing of a solution
_MOST = {1: 200_000, 2: 100_000, 3: 25_000}  # unknowns that a sparse factor has room for, by dimension
_LAYERS = "layers thinner than the cells, as of convection, are not stabilised"


@dataclass(frozen=True)
class SteadyOptions:
    """Elements of a degree; ``cells`` along the longest side, None to refine to the tolerance."""

    degree: int = 3
    cells: int | None = None
    tolerance: float = 1e-6


class Steady(NamedTuple):
    """A solution, its estimated relative L2 error, and the elements that gave it."""

    field: MeshField
    error: float
    notes: tuple[str, ...]
    elements: FiniteElements


def first_mesh(shape: Shape, cells: int | None = None) -> Mesh:
    """Simplices, so many along the longest side, smaller ones at corners; boundary nodes on the shape."""
    if isinstance(shape, MeshFile):
        return shape.simplices
    low, high = shape.bounds
    size = float(np.max(np.subtract(high, low))) / (cells or _FIRST[shape.dimension])
    found, angles = corners(shape)
    # Solutions r^(π/ω) are lost within the last cell: squared in energy, and over its area.
    exponents = np.minimum(2 * np.pi / angles, np.pi / angles + 1)
    smallest = np.minimum(shape.diameter * _LOST ** (1 / exponents), size)
    spots = [(tuple(corner), float(h)) for corner, h in zip(found, smallest, strict=True)]
    return simplices(mesh(shape, size, refine_at=spots, grading=_GRADING))


def solve_steady(
    problem: Problem, options: SteadyOptions, coefficients: Coefficients | None = None,
    bases: dict[str, FieldBasis] | None = None,
) -> Steady:
    """Solve on meshes each twice as fine as the one before, until the estimated error is within tolerance.

    Raises ``FormUnavailable`` for what finite elements do not do, or do not resolve, and ``BlowUp`` where
    Newton's method comes to no end.
    """
    own, found = first_mesh(problem.domain, options.cells), None
    points = interior(problem.domain, _SAMPLES, seed=0)
    error = difference = float("inf")
    notes = ["back-end finite_element: a steady problem, on a mesh of its domain"]
    while True:
        elements = FiniteElements(problem, own, options.degree, bases)
        given = elements.declared() if coefficients is None else coefficients
        values = np.asarray(compiled(elements.solve)(given, _start(elements, found)))
        if np.isfinite(values).all():
            elements.refuse_unbalanced(jnp.asarray(values), given)
            field = MeshField(elements.names, own, elements.degrees, values)
            previous = difference
            difference = float("inf") if found is None else _difference(found.field, field, points)
            ratio = previous / difference if np.isfinite(previous) and difference else 1.0
            error = difference / (min(ratio, 2.0 ** (options.degree + 1)) - 1) if ratio > 2 else difference
            found = Steady(field, error, (), elements)
        else:
            found, error, difference = None, float("inf"), float("inf")
        if options.cells is not None or (found is not None and error <= options.tolerance):
            break
        if elements.size * 2 ** own.dimension > _MOST[own.dimension] / (2 if elements.saddle else 1):
            notes.append(f"the next mesh would have more unknowns than are factorised in memory at hand: "
                         f"{elements.size * 2**own.dimension:,}")  # fmt: skip
            break
        own = own.refined()
    if found is None:
        raise BlowUp(
            f"{problem.name}: Newton's method finds no solution on {len(own.cells)} cells; the matrix is "
            "singular or the problem strongly nonlinear: check conditions and signs, or solve by pinn"
        )
    if np.isfinite(error) and error > _UNRESOLVED:
        raise FormUnavailable(
            f"a solution of {problem.name!r} by finite elements",
            reason=f"two meshes differ by {error:.0%}: {_LAYERS}", mend="solve by pinn, or give a finer mesh",
        )  # fmt: skip
    kind = f"degree {options.degree}" + (", pressures one less" if found.elements.saddle else "")
    notes.append(f"{len(found.field.mesh.cells)} cells of {kind}, {found.elements.size} nodal values")
    notes += found.elements.form.notes
    asked = "as asked for" if options.cells is not None else "for want of memory for a finer one"
    notes.append(
        f"one mesh, {asked}: no error estimate" if not np.isfinite(error)
        else f"estimated relative error {error:.1e}, from the difference of two meshes"
    )  # fmt: skip
    return found._replace(notes=tuple(notes))


def solve(problem: Problem, options: SteadyOptions, inverse: InverseOptions) -> Solved:
    """Solve a steady problem; parameters and fields to be inferred are found from its observations first."""
    elliptic_form(problem)
    if problem.objective is not None:
        raise FormUnavailable(
            f"a control of the steady problem {problem.name!r}", reason="controls act on simulations in time",
            mend="solve it by pinn",
        )  # fmt: skip
    if not problem.inferred and not any(p.infer for p in problem.parameters):
        plain = solve_steady(problem, options)
        return Solved(SplineFields([plain.field]), {}, plain.notes)
    model = SteadyModel(problem, options, inverse)
    theta, estimate = infer(model)
    estimate = widened(model, theta, estimate)
    found = solve_steady(problem, options, model.coefficients(jnp.asarray(theta)), model.bases)
    fields = [
        SplineField([b.name], b.knots, b.degrees, np.asarray(estimate.coefficients[b.name])[..., None])
        for b in model.fields
    ]
    notes = (*found.notes, *parameter_notes(model, theta, estimate), *estimate.notes)
    return Solved(SplineFields([found.field, *fields]), estimate.parameters, notes)


class SteadyModel(Model):
    """Observations by finite elements, on the mesh that the start of the fit asks for."""

    def __init__(self, problem: Problem, options: SteadyOptions, inverse: InverseOptions):
        self._options = replace(options, tolerance=max(options.tolerance, FITTING))
        super().__init__(problem, options, inverse)

    @property
    def bases(self) -> dict[str, FieldBasis]:
        """The splines of every inferred field."""
        return {basis.name: basis for basis in self.fields}

    def coefficients(self, theta: Array) -> Coefficients:
        """What θ stands for."""
        values = {p.name: jnp.asarray(float(p.value)) for p in self.problem.parameters}
        values |= {p.name: theta[i] * self.scales[i] for i, p in enumerate(self.parameters)}
        fields, place = {}, len(self.parameters)
        for basis in self.fields:
            size = int(np.prod(basis.shape))
            fields[basis.name] = theta[place : place + size].reshape(basis.shape)
            place += size
        return Coefficients(values, fields)

    def finer(self, theta: np.ndarray) -> np.ndarray | None:
        """``simulated`` on cells half as large; None where the mesh was chosen by its error."""
        if self._options.cells is None:
            return None
        finer, given = replace(self._options, cells=2 * self._options.cells), jnp.asarray(theta)
        field = solve_steady(self.problem, finer, self.coefficients(given), self.bases).field
        rows = zip(self.points, self.rows, self.sigma, strict=True)
        return np.concatenate([field(points)[name] / sigma for points, name, sigma in rows])

    def _prepare(self, forward: SteadyOptions) -> None:
        begun = solve_steady(
            self.problem, self._options, self.coefficients(jnp.asarray(self.start)), self.bases
        )
        elements, start = begun.elements, jnp.asarray(begun.field.values)
        parts = [
            (*begun.field.rows(elements.names.index(name), points), sigma)
            for name, points, sigma in zip(self.rows, self.points, self.sigma, strict=True)
        ]

        def simulated(theta: Array) -> Array:
            values = elements.solve(self.coefficients(theta), start)
            return jnp.concatenate([jnp.sum(values[n] * w, axis=1) / sigma for n, w, sigma in parts])

        self.simulated: Callable[[Array], Array] = compiled(simulated)
        self.sensitivities: Callable[[Array], Array] = compiled(jax.jacfwd(simulated))


def _start(elements: FiniteElements, coarse: Steady | None) -> Array:
    """A coarser solution at the nodes; zero at first."""
    if coarse is None or elements.linear:
        return jnp.zeros(elements.size)
    parts = [coarse.field(s.positions)[n] for n, s in zip(elements.names, elements.spaces, strict=True)]
    return jnp.asarray(np.concatenate(parts))


def _difference(coarse: MeshField, fine: MeshField, points: np.ndarray) -> float:
    """The largest relative L2 difference of an unknown; of one that vanishes, relative to the largest."""
    a, b = coarse(points), fine(points)
    sizes = {n: float(np.sqrt(np.mean(b[n] ** 2))) for n in b}
    largest = max(sizes.values()) or 1.0
    scale = {n: s if s > 1e-10 * largest else largest for n, s in sizes.items()}
    return max(float(np.sqrt(np.mean((a[n] - b[n]) ** 2))) / scale[n] for n in b)
