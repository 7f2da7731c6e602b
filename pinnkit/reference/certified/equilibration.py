"""The upper bound: a flux in equilibrium with the residuals, by the hybrid mixed method.

In every cell q in RT_k, p in P_k and on every facet λ in P_k solve ∫ A⁻¹q·τ + ∫ p div τ − ∮ λ τ·n = 0,
∫ (div q − c p − σ r) φ = 0, with q·n continuous and ∮ (q·n + β λ + σ γ) ψ = 0 under natural conditions,
λ = 0 where u is prescribed (Arnold & Brezzi 1985). Then, with o = div q − c p − σ r and t = −q·n − β λ − σ γ,
a(e, e) = Σ ∫ q·∇e + c p e + o e + ∮ (β λ + t) e. As o and t have no mean over cells and facets, with
constants C of Poincaré and trace inequalities and α the least eigenvalue of A,
‖e‖²_a ≤ Σ_K (‖A^{-½}q‖ + α^{-½}(C‖o‖ + Σ_F C_F‖t‖))² + ‖c^½p‖² + Σ_F ‖β^½λ‖²
(Prager & Synge 1947; Ainsworth & Oden 2000; Repin 2008; Ern & Vohralík 2015).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps

from ..elements import CELL_FACETS, Array, quadrature
from ..linear import factorise
from .bases import fluxes, scalars
from .samples import Samples, Side, facet_positions


@dataclass(frozen=True, eq=False)
class Equilibrated:
    """The bound's square ``terms`` by cell (m,), boundary terms with their cells; at the quadrature points
    of cells q (c, q, d) and p (c, q), and of sides λ."""

    terms: Array
    oscillation: Array
    flux: Array
    potential: Array
    traces: tuple[Array, ...]

    @property
    def bound(self) -> float:
        """The upper bound of the error's energy norm."""
        return float(np.sqrt(self.terms.sum()))


def equilibrate(samples: Samples, degree: int) -> Equilibrated:
    """Solve for the flux and evaluate the bound."""
    local = _Local(samples, degree)
    multipliers = _solve(samples, local, degree)
    return _bound(samples, local, multipliers, degree)


class _Local:
    """What every cell makes of the multipliers on its facets: (q, p) = ``response`` λ + ``particular``."""

    def __init__(self, samples: Samples, degree: int):
        inside, d = samples.inside, samples.cells.mesh.dimension
        flux, divergence = fluxes(degree, inside.reference)
        scalar = scalars(degree, inside.reference)
        # Piola: τ = J τ̂/|det J|, so that ∫ A⁻¹τ·τ' = ∫ τ̂ᵀ (Jᵀ A⁻¹ J/|det J|) τ̂'.
        metric = np.swapaxes(inside.jacobian, 2, 3) @ np.linalg.solve(inside.matrix, inside.jacobian)
        metric = metric / inside.density[..., None, None] * inside.rule[:, None, None]
        count, scalars_count = len(flux), len(scalar)
        products = np.einsum("aiq,bjq->qijab", flux, flux).reshape(-1, count * count)
        mass = (metric.reshape(len(metric), -1) @ products).reshape(-1, count, count)
        squares = np.einsum("aq,bq->qab", scalar, scalar).reshape(-1, scalars_count**2)
        reaction = (inside.reaction * inside.weights) @ squares
        self.coupling = (divergence * inside.rule) @ scalar.T
        size = count + scalars_count
        matrix = np.zeros((len(mass), size, size))
        matrix[:, :count, :count] = mass
        matrix[:, :count, count:] = self.coupling
        matrix[:, count:, :count] = self.coupling.T
        matrix[:, count:, count:] = -reaction.reshape(-1, scalars_count, scalars_count)
        self.normals = self._normal_moments(samples, degree)
        load = (inside.residual * inside.weights) @ scalar.T
        right = np.zeros((len(mass), size, 1 + len(self.normals)))
        right[:, count:, 0] = load
        right[:, :count, 1:] = self.normals.T
        found = np.linalg.solve(matrix, right)
        self.particular, self.response = found[..., 0], found[..., 1:]
        self.fluxes, self.divergences, self.scalars, self.count = flux, divergence, scalar, count
        self.dimension = d

    @staticmethod
    def _normal_moments(samples: Samples, degree: int) -> Array:
        """∮ τ·n ψ (facets · ψ, τ), the same in every cell."""
        d = samples.cells.mesh.dimension
        along, rule = quadrature(d - 1, 2 * degree + 1)
        basis = scalars(degree, along)
        rows = []
        for vertices in CELL_FACETS[d]:
            positions, outward = facet_positions(d, vertices, along)
            through = np.einsum("adq,d->aq", fluxes(degree, positions)[0], outward)
            rows.append((basis * rule) @ through.T)
        return np.concatenate(rows)


def _solve(samples: Samples, local: _Local, degree: int) -> Array:
    """Multipliers (facets, ψ) from the continuity of normal fluxes."""
    mesh = samples.cells.mesh
    count = len(local.normals) // mesh.cell_facets.shape[1]
    size = len(mesh.facets) * count
    numbers = (mesh.cell_facets[:, :, None] * count + np.arange(count)).reshape(len(mesh.cells), -1)
    matrices = local.normals @ local.response[:, : local.count]
    load = -local.particular[:, : local.count] @ local.normals.T
    rows, columns, values = [_rows(numbers)], [_columns(numbers)], [matrices.ravel()]
    right = np.bincount(numbers.ravel(), load.ravel(), minlength=size)
    for side in samples.sides:
        basis = scalars(degree, side.along)
        weights = side.rule * side.density
        own = side.facets[:, None] * count + np.arange(count)
        robin = np.einsum("fq,aq,bq->fab", side.beta * weights, basis, basis)
        rows.append(_rows(own))
        columns.append(_columns(own))
        values.append(robin.ravel())
        np.add.at(right, own, -(side.residual * weights) @ basis.T)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    matrix = sps.coo_matrix(entries, shape=(size, size)).tocsr()
    held = (samples.fixed[:, None] * count + np.arange(count)).ravel()
    free = np.setdiff1d(np.arange(size), held)
    found = np.zeros(size)
    scale = 1 / np.sqrt(matrix.diagonal()[free])
    scaled = sps.diags_array(scale) @ matrix[free][:, free] @ sps.diags_array(scale)
    found[free] = scale * factorise(scaled, saddle=False).solve(scale * right[free])
    return found[numbers]


def _rows(numbers: Array) -> Array:
    return np.broadcast_to(numbers[:, :, None], (*numbers.shape, numbers.shape[1])).ravel()


def _columns(numbers: Array) -> Array:
    return np.broadcast_to(numbers[:, None, :], (*numbers.shape, numbers.shape[1])).ravel()


def _bound(samples: Samples, local: _Local, multipliers: Array, degree: int) -> Equilibrated:
    inside, weights = samples.inside, samples.inside.weights
    unknowns = local.particular + np.einsum("cij,cj->ci", local.response, multipliers)
    q, p = unknowns[:, : local.count], unknowns[:, local.count :]
    reference = np.einsum("ca,aiq->cqi", q, local.fluxes)
    flux = np.einsum("cqij,cqj->cqi", inside.jacobian, reference) / inside.density[..., None]
    potential = p @ local.scalars
    excess = q @ local.divergences / inside.density - inside.reaction * potential - inside.residual
    energy = np.einsum("cqi,cqi->cq", flux, np.linalg.solve(inside.matrix, flux[..., None])[..., 0])
    least = _cautious_minimum(np.linalg.eigvalsh(inside.matrix)[..., 0])
    reaction = _cautious_minimum(inside.reaction)
    rest = np.sqrt((excess**2 * weights).sum(axis=1))
    by_slope = samples.cells.poincare * rest / np.sqrt(least)
    by_value = np.divide(rest, np.sqrt(reaction), out=np.full_like(rest, np.inf), where=reaction > 0)
    # The rest of the equation is charged to the gradient or to the value of the error, whichever costs less.
    sloping = np.where(by_slope <= by_value, by_slope, 0.0)
    lying = np.where(by_slope <= by_value, 0.0, by_value)
    traces, boundary = [], np.zeros(len(q))
    per_facet = multipliers.shape[1] // samples.cells.mesh.cell_facets.shape[1]
    for side in samples.sides:
        trace, rest = _on_side(side, q, multipliers, degree, per_facet)
        constant = samples.cells.trace(side.cells, side.facets)
        measure = side.rule * side.density
        left = constant * np.sqrt((rest**2 * measure).sum(axis=1) / least[side.cells])
        np.add.at(sloping, side.cells, left)
        np.add.at(boundary, side.cells, (side.beta * trace**2 * measure).sum(axis=1))
        traces.append(trace)
    slope = np.sqrt((energy * weights).sum(axis=1)) + sloping
    value = np.sqrt((inside.reaction * potential**2 * weights).sum(axis=1)) + lying
    terms = slope**2 + value**2 + boundary
    return Equilibrated(terms, (sloping + lying) ** 2, flux, potential, tuple(traces))


def _on_side(side: Side, q: Array, multipliers: Array, degree: int, per_facet: int) -> tuple[Array, Array]:
    """λ and what is left of the natural condition at the points (f, q) of a side."""
    own = multipliers[side.cells, side.local * per_facet : (side.local + 1) * per_facet]
    trace = own @ scalars(degree, side.along)
    normal = np.einsum("adq,d->aq", fluxes(degree, side.reference)[0], side.outward)
    through = q[side.cells] @ normal / side.density
    return trace, -through - side.beta * trace - side.residual


def _cautious_minimum(values: Array) -> Array:
    """The least value (c,) of a coefficient in each cell: the least sampled one less half of its spread."""
    least = values.min(axis=1)
    return np.maximum(least - (values.max(axis=1) - least) / 2, least / 2)
