"""Iterative solves with algebraic multigrid, where sparse factors of solids would fill the memory.

Smoothed aggregation by pyamg (P. Vaněk, J. Mandel, M. Brezina, Computing 56, 1996).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import LinearOperator, cg, gmres

from .elements import Array
from .rows import Rows

# Relative residual that is asked for.
_TOLERANCE = 1e-12
_MOST_ITERATIONS, _RESTART = 400, 80
# Connections weaker than this part of the diagonal do not make aggregates.
_STRENGTH = 0.02
_COARSEST = 500


class NotConverged(RuntimeError):
    """The iteration did not reach its tolerance."""


class Multigrid:
    """One cycle of smoothed aggregation for a symmetric positive definite matrix, as a preconditioner.

    Unknowns that share their nodes are taken node by node: rows with prescribed values are padded, so that
    every node is a full block.
    """

    def __init__(self, matrix: sps.csr_matrix, rows: Rows):
        from pyamg import smoothed_aggregation_solver

        block, modes = rows.components, rows.near_kernel
        if block > 1:
            _, node = np.unique(rows.node, return_inverse=True)
            self._place = node * block + rows.unknown
            size = block * (node.max() + 1)
            scatter = sps.csr_matrix(
                (np.ones(len(node)), (self._place, np.arange(len(node)))), shape=(size, len(node))
            )
            padding = np.ones(size)
            padding[self._place] = 0.0
            padded = sps.csr_matrix(scatter @ matrix @ scatter.T + sps.diags(padding * abs(matrix).max()))
            blocks, modes = padded.tobsr((block, block)), scatter @ modes
            self._size = size
        else:
            self._place, self._size, blocks = None, matrix.shape[0], matrix
        smoother = ("gauss_seidel", {"sweep": "symmetric"})
        hierarchy = smoothed_aggregation_solver(
            blocks,
            B=modes,
            strength=("symmetric", {"theta": _STRENGTH}),
            presmoother=smoother,
            postsmoother=smoother,
            max_coarse=_COARSEST,
        )
        self._cycle = hierarchy.aspreconditioner()

    def __call__(self, load: Array) -> Array:
        """An approximation of matrix⁻¹·load; real and imaginary parts go by themselves."""
        if np.iscomplexobj(load):
            return self(load.real.copy()) + 1j * self(load.imag.copy())
        load = np.ascontiguousarray(load).ravel()
        if self._place is None:
            return self._cycle.matvec(load)
        padded = np.zeros(self._size)
        padded[self._place] = load
        return self._cycle.matvec(padded)[self._place]


class ConjugateGradients:
    """Conjugate gradients for symmetric positive definite matrices, preconditioned by multigrid."""

    def __init__(self, matrix: sps.csr_matrix, rows: Rows):
        self._matrix, self._multigrid = matrix, Multigrid(matrix, rows)

    @staticmethod
    def suits(matrix: sps.csr_matrix) -> bool:
        """Whether a matrix is real and symmetric, its diagonal positive."""
        if np.iscomplexobj(matrix.data) or matrix.diagonal().min(initial=1.0) <= 0:
            return False
        return abs(matrix - matrix.T).max() <= 1e-12 * abs(matrix).max()

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load. Raises ``NotConverged``."""
        cycle = LinearOperator(self._matrix.shape, matvec=self._multigrid, dtype=float)
        x, _ = cg(self._matrix, load, rtol=_TOLERANCE, maxiter=_MOST_ITERATIONS, M=cycle)
        return checked(self._matrix, x, load)


class GeneralisedResiduals:
    """GMRES (Saad & Schultz 1986) for other matrices, preconditioned by multigrid for the symmetric part.

    Of a complex matrix, as implicit time steps have, by that of the sum of real and imaginary part.
    """

    def __init__(self, matrix: sps.csr_matrix, rows: Rows):
        self._matrix = matrix
        part = matrix.real + matrix.imag if np.iscomplexobj(matrix.data) else matrix
        self._multigrid = Multigrid(sps.csr_matrix((part + part.T) / 2), rows)

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load. Raises ``NotConverged``."""
        cycle = LinearOperator(self._matrix.shape, matvec=self._multigrid, dtype=self._matrix.dtype)
        most = _MOST_ITERATIONS // _RESTART
        x, _ = gmres(self._matrix, load, rtol=_TOLERANCE, restart=_RESTART, maxiter=most, M=cycle)
        return checked(self._matrix, x, load)


def checked(matrix: sps.csr_matrix, x: Array, load: Array) -> Array:
    """x, where its residual is as small as rounding allows. Raises ``NotConverged``."""
    gap = float(np.linalg.norm(load - matrix @ x))
    size = float(np.linalg.norm(load))
    # What rounding leaves: each row's sum is good to 1e-16 of its largest terms.
    floor = 1e-15 * float(np.linalg.norm(abs(matrix) @ np.abs(x)))
    if not np.isfinite(gap) or gap > max(2 * _TOLERANCE * size, floor):
        raise NotConverged(f"the residual is {gap / max(size, 1e-300):.1e} of the load")
    return x
