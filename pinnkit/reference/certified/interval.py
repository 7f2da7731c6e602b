"""Lower and upper bound on ever finer meshes, until they are close to each other."""

from __future__ import annotations

import time as clock
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from ...geometry.carriers import Plane
from ...geometry.errors import GeometryError
from ...geometry.mesh_file import MeshFile
from ...geometry.sampling import boundary, interior
from ..elements import Array
from ..mesh import FiniteMesh
from ..meshing import Meshes
from ..refine import halved, halved_where
from ..snapping import snapped
from .cells import Cells
from .equation import Candidate, ErrorEquation, unavailable
from .equilibration import Equilibrated, equilibrate
from .lift import Lift, lift
from .samples import Samples, sample

# Degree of the flux; the lift's is one higher, which resolves the error equally well.
_DEGREES = {1: 3, 2: 2, 3: 1}
# Quadrature that is computed with, and a lesser one that shows what it may miss; all weights positive.
_ORDERS = {1: (17, 12), 2: (14, 9), 3: (7, 6)}
_CELLS_ACROSS = {1: 16, 2: 8, 3: 4}
_MOST_CELLS = {1: 20_000, 2: 20_000, 3: 6_000}
_CLOSE = 1.05
_BULK = 0.8
_BOUNDARY_POINTS = 400
_EXACT = 1e-9
# Of the solution's energy norm: what rounding leaves of a residual, and what no refinement betters.
_DIGITS, _ROUNDING = 1e-13, 1e-12
_DOUBT = 0.1

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Interval:
    """Bounds on the energy norm of the error, the energy norm of the solution, and how they came about.

    ``guaranteed`` is false where something that the bounds rest on holds only nearly; ``notes`` say what.
    """

    lower: float
    upper: float
    norm: float
    guaranteed: bool
    notes: tuple[str, ...]


def bracket(
    equation: ErrorEquation,
    candidate: Candidate,
    seconds: float = 20.0,
    most_cells: int | None = None,
    progress: Progress | None = None,
) -> Interval:
    """Bounds on ‖u − u_h‖_a, refined until upper/lower ≤ 1.05 or the budget is spent.

    Raises ``ReferenceUnavailable`` where the solution does not take on its prescribed values to rounding.
    """
    _refuse_mismatch(equation, candidate)
    with threadpool_limits(limits=1, user_api="blas"):
        return _Bracket(equation, candidate, seconds, most_cells, progress).run()


def _refuse_mismatch(equation: ErrorEquation, candidate: Candidate) -> None:
    domain = equation.problem.domain
    drawn = [boundary(domain, name, _BOUNDARY_POINTS) for name in equation.essential]
    points = [*(points for points, _ in drawn), interior(domain, _BOUNDARY_POINTS)]
    jets = equation.jets_of(candidate, np.concatenate(points))
    worst, where, start = 0.0, "", 0
    for name, (there, normals) in zip(equation.essential, drawn, strict=True):
        own = jets[start : start + len(there)]
        start += len(there)
        gap = float(np.abs(equation.mismatch(name, there, normals, own)).max())
        if not gap <= worst:
            worst, where = gap, name
    if not worst <= _EXACT * float(np.abs(jets[:, 0]).max()):
        raise unavailable(
            equation.problem,
            f"the solution misses its prescribed values on {where!r} by {worst:.1e}, and only one that takes "
            "them on exactly can be certified",
            "solve with exact conditions",
        )


class _Bracket:
    def __init__(
        self,
        equation: ErrorEquation,
        candidate: Candidate,
        seconds: float,
        most_cells: int | None,
        progress: Progress | None,
    ):
        self.equation, self.candidate, self.progress = equation, candidate, progress
        self.seconds, self.began = seconds, clock.perf_counter()
        self.most_cells = most_cells or _MOST_CELLS[equation.dimension]
        self.degree = _DEGREES[equation.dimension]
        self.shape = equation.problem.domain
        carriers = [] if isinstance(self.shape, MeshFile) else [p.carrier for p in self.shape.pieces()]
        flat = equation.dimension == 1 or all(isinstance(c, Plane) for c in carriers)
        self.carriers = [] if flat else [c.project for c in dict.fromkeys(carriers)]

    def run(self) -> Interval:
        """All meshes."""
        mesh = self._first()
        best, level = None, 0
        while True:
            started = clock.perf_counter()
            samples, flux, representative = self._level(mesh, level)
            found = self._interval(samples, flux, representative)
            best = found if best is None else _better(best, found)
            if best.upper <= _CLOSE * best.lower or best.upper <= _ROUNDING * best.norm:
                return best
            mesh = self._finer(samples, flux, representative)
            limit = self._limit(mesh, len(samples.cells.mesh.cells), clock.perf_counter() - started)
            if limit:
                return replace(best, notes=(*best.notes, f"{limit} before the bounds met"))
            level += 1

    def _first(self) -> FiniteMesh:
        extent = float(np.ptp(np.array(self.shape.bounds), axis=0).max())
        try:
            mesh = Meshes(self.shape, self.degree + 1).first(extent / _CELLS_ACROSS[self.equation.dimension])
        except GeometryError as cause:
            raise unavailable(self.equation.problem, f"its domain has no mesh: {cause}") from cause
        return self._on_shape(mesh)

    def _on_shape(self, mesh: FiniteMesh) -> FiniteMesh:
        return snapped(mesh, self.carriers) if self.carriers and mesh.edge_nodes is not None else mesh

    def _level(self, mesh: FiniteMesh, level: int) -> tuple[Samples, Equilibrated, Lift]:
        if self.progress is not None:
            spent = (clock.perf_counter() - self.began) / self.seconds
            self.progress(f"certificate, mesh {level + 1}, {len(mesh.cells)} cells", min(spent, 1.0))
        cells = Cells(mesh, self.shape)
        fine, rough = (
            sample(self.equation, self.candidate, cells, order) for order in _ORDERS[self.equation.dimension]
        )
        return fine, equilibrate(fine, self.degree), lift(fine, rough, self.degree + 1)

    def _interval(self, samples: Samples, flux: Equilibrated, representative: Lift) -> Interval:
        notes = []
        norm = float(np.sqrt(samples.energy))
        if representative.defect > max(_DOUBT * representative.norm, _DIGITS * norm):
            notes.append(
                f"the residual is known to {representative.defect:.1e} only: quadrature does not resolve it, "
                "or the solution has kinks"
            )
        if self.equation.jumps:
            notes.append("the data jump within cells, where the error of quadrature is only estimated")
        if not samples.cells.exact:
            notes.append("the mesh follows the curved boundary only nearly")
        rounding = _DIGITS * norm
        return Interval(
            lower=max(representative.norm - representative.defect - rounding, 0.0),
            upper=flux.bound + representative.defect + rounding,
            norm=norm,
            guaranteed=not notes,
            notes=tuple(notes),
        )

    def _finer(self, samples: Samples, flux: Equilibrated, representative: Lift) -> FiniteMesh:
        """Cells halved that hold most of the gap between the bounds."""
        mesh = samples.cells.mesh
        gap = _gap(samples, flux, representative)
        order = np.argsort(-gap)
        share = np.cumsum(gap[order])
        marked = np.zeros(len(gap), bool)
        marked[order[: int(np.searchsorted(share, _BULK * share[-1])) + 1]] = True
        finer = halved(mesh) if marked.mean() > 0.5 else halved_where(mesh, marked)
        return self._on_shape(finer)

    def _limit(self, mesh: FiniteMesh, before: int, spent: float) -> str:
        if len(mesh.cells) > self.most_cells:
            return f"the next mesh would have more than {self.most_cells} cells"
        coming = spent * len(mesh.cells) / before
        if clock.perf_counter() - self.began + coming > self.seconds:
            return f"the budget of {self.seconds:g} s was spent"
        return ""


def _gap(samples: Samples, flux: Equilibrated, representative: Lift) -> Array:
    """Σ (m,) of ‖A^{-½}(q − A∇w)‖² + ‖c^½(p − w)‖² + ‖β^½(λ − w)‖², oscillation and defect."""
    inside = samples.inside
    difference = flux.flux - np.einsum("cqij,cqj->cqi", inside.matrix, representative.slopes)
    density = np.einsum(
        "cqi,cqi->cq", difference, np.linalg.solve(inside.matrix, difference[..., None])[..., 0]
    )
    density += inside.reaction * (flux.potential - representative.values) ** 2
    gap = (density * inside.weights).sum(axis=1) + flux.oscillation + representative.defects
    for side, one, other in zip(samples.sides, flux.traces, representative.traces, strict=True):
        np.add.at(gap, side.cells, (side.beta * (one - other) ** 2 * side.rule * side.density).sum(axis=1))
    return gap


def _better(old: Interval, new: Interval) -> Interval:
    """The closer bounds of two meshes, where both hold with equal right; else those of the finer mesh."""
    if old.guaranteed != new.guaranteed or old.notes != new.notes:
        return new
    return replace(new, lower=max(old.lower, new.lower), upper=min(old.upper, new.upper))
