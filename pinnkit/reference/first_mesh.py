"""The first mesh of a sequence, fitted to the solution."""

from __future__ import annotations

import time as clock
from dataclasses import dataclass, replace

import numpy as np

from .adaptive import Aim, marked, worst
from .base import ReferenceUnavailable
from .budget import LEVELS, OutOfTime
from .elements import Array
from .estimate import contents, unbounded
from .fields import DiscreteField
from .level import LevelSolver
from .mesh import FiniteMesh
from .meshing import Meshes
from .newton import Diverged
from .singularities import boundary_singularities

_ROUNDS = 14
# First meshes tried before Newton's method is given up.
_TRIALS = 2


@dataclass(frozen=True, eq=False)
class First:
    """The solution on the first mesh, the size of its largest cells, and the seconds that it took.

    ``left_out`` are unknowns without an L2 norm; they are no aim of refinement.
    """

    solution: DiscreteField
    size: float
    spent: float
    left_out: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()


def first_mesh(solver: LevelSolver, meshes: Meshes, size: float) -> First:
    """A mesh of cell size ``size``, graded where conditions make the solution singular, then fitted to it.

    On a mesh on which Newton's method diverges nothing can be fitted: the next finer is tried. Raises
    ``Diverged`` where it does not suffice, ``ReferenceUnavailable`` where the budget does not.
    """
    mesh = meshes.first(size)
    singular = boundary_singularities(solver.system, mesh, solver.degree)
    mesh = meshes.graded_at(singular.exponents, mesh, size)
    found = _solved(solver, mesh, size)
    trials = 1
    while found is None:
        # Too coarse a mesh may have no solution near the true one.
        trials, size = trials + 1, size / 2
        mesh = meshes.finer(mesh, size)
        found = _solved(solver, mesh, size, may_retry=trials < _TRIALS)
    points = np.array(list(singular.exponents))
    return _fitted(solver, meshes, replace(found, notes=singular.notes), points)


def _solved(solver: LevelSolver, mesh: FiniteMesh, size: float, may_retry: bool = True) -> First | None:
    """The solution on a first mesh; None where Newton's method diverges and a finer mesh may do."""
    started = clock.perf_counter()
    try:
        solution = solver.solve(mesh, 0, None)
    except Diverged:
        if may_retry:
            return None
        raise
    except OutOfTime:
        raise ReferenceUnavailable(
            f"no finite-element reference for {solver.system.problem.name}",
            reason=f"the budget of {solver.budget.options.budget_seconds:g} s was spent on the first mesh",
            mend="raise reference.fem.budget_seconds, or choose a larger size or a lower degree",
        ) from None
    return First(solution, size, clock.perf_counter() - started)


def _fitted(solver: LevelSolver, meshes: Meshes, first: First, points: Array) -> First:
    """Cells halved, a round at a time, where the solution is resolved worse than it need be."""
    dimension = solver.system.dimension
    aim = Aim.towards(solver.target, solver.degree, LEVELS - 1, dimension)
    for _ in range(_ROUNDS):
        mesh = first.solution.product.mesh
        first = _without_unbounded(first, points)
        lengths = np.ones(len(mesh.cells)) if dimension == 1 else mesh.sizes / first.size
        shares, decay = contents(first.solution, lengths, first.left_out)
        room = (solver.budget.room(first.solution, first.spent) - 1) * len(mesh.cells) / solver.budget.growth
        chosen = worst(marked(shares, decay, aim), shares, max(int(room), 0))
        if not chosen.any():
            break
        started = clock.perf_counter()
        finer = meshes.fitted_to(mesh, chosen)
        try:
            solution = solver.solve(finer, 0, first.solution)
        except (Diverged, OutOfTime):
            break
        first = replace(first, solution=solution, spent=clock.perf_counter() - started)
    return first


def _without_unbounded(first: First, points: Array) -> First:
    """Leaves out unknowns that no mesh resolves in the L2 norm."""
    unknowns = unbounded(first.solution, points)
    notes = [
        f"{name} goes like r^{unknowns[name]:.1f} at a corner and has no L2 norm there: "
        "its error bar is no aim of refinement"
        for name in sorted(unknowns.keys() - first.left_out)
    ]
    return replace(first, left_out=first.left_out | unknowns.keys(), notes=(*first.notes, *notes))
