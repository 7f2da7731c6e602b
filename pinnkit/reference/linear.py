"""Linear solves, checked: sparse factorisation, and multigrid for large systems in space."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import splu

from .base import ReferenceUnavailable
from .elements import Array
from .multigrid import ConjugateGradients, GeneralisedResiduals, NotConverged
from .rows import Rows

# In space, factors are cheap up to this many rows, and need about a gigabyte at the larger number.
_SMALL, _LARGEST = 6_000, 60_000
# By how much the inverse of a scaled matrix may magnify before its solution means nothing.
_HOPELESS = 1e13


class LinearSolver(Protocol):
    """Solves with one matrix for any load."""

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load. Raises ``RuntimeError`` where the matrix is singular."""
        ...


class TooLarge(ReferenceUnavailable):
    """A system whose factors would not fit into memory."""


class Singular(ReferenceUnavailable):
    """A system that leaves its solution open; ``mode`` (n,), where it is known, may be added freely."""

    mode: Array | None = None


class Factorisation:
    """Sparse LU, checked: minimum degree on A + Aᵀ, and COLAMD with full pivoting where that loses accuracy.

    A saddle point has zeros on its diagonal, which elimination fills before they are pivots; pivoting only
    where one is a thousand times too small keeps the fill of the symmetric ordering (for Stokes with 9,000
    unknowns 1.5 million entries, with COLAMD 2.6, with a threshold of 0.1 instead 8.1). With convection it is
    the other way round (for Boussinesq with 7,700 unknowns 32 million, with COLAMD 3.2).
    """

    def __init__(self, matrix: sps.spmatrix, saddle: bool):
        self._matrix = sps.csc_matrix(matrix)
        self._thorough = False
        if saddle and not self._balanced():
            self._lu = splu(self._matrix, permc_spec="COLAMD", diag_pivot_thresh=1e-3)
            return
        self._lu = splu(
            self._matrix,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-3 if saddle else 0.0,
            options={"SymmetricMode": True},
        )

    def _balanced(self) -> bool:
        """Whether entries across the diagonal are of equal size, as without convection."""
        sizes = abs(self._matrix)
        return abs(sizes - sizes.T).max() <= 1e-9 * sizes.max()

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load, refined once. Raises ``RuntimeError`` where the matrix is singular."""
        x = self._lu.solve(load)
        gap = load - self._matrix @ x
        if np.isfinite(x).all() and np.abs(gap).max(initial=0.0) <= 1e-6 * np.abs(load).max(initial=0.0):
            return x + self._lu.solve(gap)
        if self._thorough:
            raise RuntimeError("the matrix is singular to rounding")
        self._thorough = True
        self._lu = splu(self._matrix, permc_spec="COLAMD")
        return self.solve(load)

    def refuse_singular(self) -> None:
        """Raise ``Singular`` where a vector next to nothing is turned into a large one.

        By inverse iteration on the matrix with rows and columns scaled to entries of size one, so that cells
        of unequal size are no cause. A regular system of finite elements has 1e3 … 1e8.
        """
        if not self._matrix.shape[0]:
            return
        scale = 1 / np.sqrt(abs(self._matrix).max(axis=1).toarray().ravel())
        mode = np.random.default_rng(0).standard_normal(len(scale))
        growth = 0.0
        for _ in range(2):
            mode = self._lu.solve(mode / np.linalg.norm(mode) / scale) / scale
            growth = float(np.linalg.norm(mode))
        if not growth < _HOPELESS:
            cause = singular()
            cause.mode = mode * scale
            raise cause


class Iterative:
    """Multigrid as long as it converges, a factorisation from then on."""

    def __init__(self, matrix: sps.csr_matrix, rows: Rows):
        self._matrix = matrix
        kind = ConjugateGradients if ConjugateGradients.suits(matrix) else GeneralisedResiduals
        self._solver: LinearSolver = kind(matrix, rows)

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load. Raises ``RuntimeError`` where the matrix is singular."""
        try:
            return self._solver.solve(load)
        except NotConverged as cause:
            self._solver = _direct(self._matrix, False, f"multigrid does not converge: {cause}")
            return self._solver.solve(load)


def factorise(matrix: sps.spmatrix, saddle: bool, rows: Rows | None = None) -> LinearSolver:
    """A solver for a matrix, or ``ReferenceUnavailable`` where it is singular or its factors are too large.

    Matrices of lines and planes are factorised, and so are saddle points, whose zeros on the diagonal
    multigrid cannot take. Large ones of solids, told by ``rows``, go to multigrid.
    """
    try:
        if rows is None or rows.dimension < 3 or matrix.shape[0] <= _SMALL:
            return Factorisation(matrix, saddle)
        if saddle:
            return _direct(matrix, True, "its multipliers ask for factors")
        return Iterative(sps.csr_matrix(matrix), rows)
    except RuntimeError:
        raise singular() from None


def _direct(matrix: sps.spmatrix, saddle: bool, reason: str) -> Factorisation:
    """Factors of a system in space, if they fit into memory."""
    if matrix.shape[0] > _LARGEST:
        raise TooLarge(
            f"finite elements: the factors of {matrix.shape[0]} unknowns in space do not fit into memory",
            reason=reason,
            mend="choose a larger reference.fem.size or fewer reference.fem.max_dofs",
        )
    return Factorisation(matrix, saddle)


def singular(unknowns: str = "") -> Singular:
    """The refusal of a singular system, with the names of the unknowns that it leaves open."""
    return Singular(
        "finite elements: the discrete problem is singular" + (f" in {unknowns}" if unknowns else ""),
        reason="the conditions do not determine the solution: something may be added to it that changes no "
        "equation, a rigid motion, say, or at an eigenvalue a resonance",
        mend="prescribe values on part of the boundary, or move the parameter away from the eigenvalue",
    )
