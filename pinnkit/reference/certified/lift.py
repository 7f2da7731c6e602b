"""The lower bound: the Riesz representative of the residual in a conforming space.

w with a(w, v) = ρ(v) for all v of the space, ρ(v) = −∫ σr v − ∮ σγ v, has ‖w‖_a = sup ρ(v)/‖v‖_a ≤ ‖e‖_a.
The same residual from first derivatives alone differs from ρ by ∫ σF·∇v + ∫ σ div F v − ∮ σF·n v: kinks of
u_h, which second derivatives do not see, and what quadrature misses of it; a lesser rule shows what that
misses of the data. ``defect`` is the norm of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps

from ..elements import Array, tabulate
from ..linear import factorise
from ..mesh import Index
from ..spaces import Space
from .samples import Inside, Samples


@dataclass(frozen=True, eq=False)
class Lift:
    """‖w‖_a, the norm of the defect and its square by cell (m,), ∇w and w at the quadrature points of cells,
    and w at those of sides."""

    norm: float
    defect: float
    defects: Array
    slopes: Array
    values: Array
    traces: tuple[Array, ...]


def lift(samples: Samples, rougher: Samples, degree: int) -> Lift:
    """Solve for w with Lagrange elements of a degree; ``rougher`` samples come from a lesser rule."""
    mesh, inside = samples.cells.mesh, samples.inside
    space = Space.on(mesh, degree)
    table = tabulate(mesh.dimension, degree, inside.reference)
    matrix, local = _stiffness(samples, space, table)
    free = np.setdiff1d(np.arange(space.size), space.facet_dofs(samples.fixed))
    solver = factorise(matrix[free][:, free], saddle=False)
    strong, kinks = loads(samples, space)
    missed = strong - loads(rougher, space)[0]
    found = np.zeros((3, space.size))
    for row, load in enumerate((strong, kinks, missed)):
        found[row, free] = solver.solve(load[free])
    w, *defects = found[:, space.cell_dofs]
    norms = [
        float(np.sqrt(max(load @ f, 0.0))) for load, f in zip((strong, kinks, missed), found, strict=True)
    ]
    traces = tuple(w[s.cells] @ tabulate(mesh.dimension, degree, s.reference)[..., 0] for s in samples.sides)
    return Lift(
        norm=norms[0],
        defect=norms[1] + norms[2],
        defects=sum(np.einsum("cs,cst,ct->c", d, local, d) for d in defects),
        slopes=_physical(inside, np.einsum("cs,sqr->cqr", w, table[..., 1:])),
        values=w @ table[..., 0],
        traces=traces,
    )


def _physical(inside: Inside, slopes: Array) -> Array:
    """J⁻ᵀ times reference slopes (c, q, d)."""
    return np.linalg.solve(np.swapaxes(inside.jacobian, 2, 3), slopes[..., None])[..., 0]


def _stiffness(samples: Samples, space: Space, table: Array) -> tuple[sps.csr_matrix, Array]:
    """a(·, ·) assembled, and cell by cell (m, shapes, shapes)."""
    inside, shapes = samples.inside, len(table)
    # ∇φ = J⁻ᵀ ∇̂φ: ∫ A∇φ·∇φ' = ∫ (J⁻¹ A J⁻ᵀ) ∇̂φ·∇̂φ'.
    half = np.linalg.solve(inside.jacobian, inside.matrix)
    metric = np.swapaxes(np.linalg.solve(inside.jacobian, np.swapaxes(half, 2, 3)), 2, 3)
    metric = metric * inside.weights[..., None, None]
    d = metric.shape[-1]
    products = np.einsum("aqi,bqj->qijab", table[..., 1:], table[..., 1:]).reshape(-1, shapes**2)
    squares = np.einsum("aq,bq->qab", table[..., 0], table[..., 0]).reshape(-1, shapes**2)
    local = metric.reshape(-1, products.shape[0]) @ products + (inside.reaction * inside.weights) @ squares
    local = local.reshape(-1, shapes, shapes)
    parts = [(space.cell_dofs, local)]
    for side in samples.sides:
        basis = tabulate(d, space.degree, side.reference)[..., 0]
        weights = side.beta * side.rule * side.density
        parts.append((space.cell_dofs[side.cells], np.einsum("fq,aq,bq->fab", weights, basis, basis)))
    rows = [np.broadcast_to(n[:, :, None], block.shape).ravel() for n, block in parts]
    columns = [np.broadcast_to(n[:, None, :], block.shape).ravel() for n, block in parts]
    entries = np.concatenate([block.ravel() for _, block in parts])
    shape = (space.size, space.size)
    matrix = sps.coo_matrix((entries, (np.concatenate(rows), np.concatenate(columns))), shape=shape)
    return matrix.tocsr(), local


def loads(samples: Samples, space: Space) -> tuple[Array, Array]:
    """ρ on the space, and by how much it differs from the residual of first derivatives, (N,) each."""
    inside, weights = samples.inside, samples.inside.weights
    table = tabulate(samples.cells.mesh.dimension, space.degree, inside.reference)
    strong = -(inside.residual * weights) @ table[..., 0].T
    pulled = np.linalg.solve(inside.jacobian, inside.flux[..., None])[..., 0] * weights[..., None]
    defect = np.einsum("cqr,sqr->cs", pulled, table[..., 1:])
    defect += (inside.divergence * weights) @ table[..., 0].T
    total = np.stack([_gathered(space.cell_dofs, part, space.size) for part in (strong, defect)])
    for side in samples.sides:
        basis = tabulate(samples.cells.mesh.dimension, space.degree, side.reference)[..., 0]
        measure = side.rule * side.density
        dofs = space.cell_dofs[side.cells]
        total[0] -= _gathered(dofs, (side.residual * measure) @ basis.T, space.size)
        total[1] -= _gathered(dofs, (side.flux * measure) @ basis.T, space.size)
    return total[0], total[1]


def _gathered(dofs: Index, parts: Array, size: int) -> Array:
    return np.bincount(dofs.ravel(), parts.ravel(), minlength=size)
