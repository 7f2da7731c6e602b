"""Where data resolve a field: neither smoothness alone decides there, nor errors that are enlarged."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from ..declare.problem import Problem
from .basis import FieldBasis

_RESOLVED = 0.5
_FAINT = 0.1  # of the mean information: errors of the data come back three times as large as on average


def well_seen(information: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Diagonal (n,) of A (A + ε ā G)⁻¹, A the data's information and G the Gram matrix of the splines.

    ā = tr(G⁻¹A)/n is the mean of A over directions of unit size. The noise cancels: what less noise would let
    through is seen only by enlarging whatever error there is, as that of a damped direction.
    """
    mean = np.trace(np.linalg.solve(gram, information)) / len(gram)
    if mean <= 0:
        return np.zeros(len(gram))
    return np.diag(np.linalg.solve(information + _FAINT * mean * gram, information))


def resolution_map(basis: FieldBasis, resolution: np.ndarray, lines: list[np.ndarray]) -> np.ndarray:
    """Between one, where the data decide on a field, and zero, where the regulariser does."""
    return np.asarray(basis.on_lines(jnp.asarray(resolution), lines, (0,) * len(lines)))


def resolution_notes(
    problem: Problem, basis: FieldBasis, decided: float, resolution: np.ndarray, strength: float
) -> list[str]:
    """How much of a field, and where, the data decide; ``decided`` coefficients in sum."""
    lines = [np.linspace(a, b, 101 if len(basis.bounds) == 1 else 41) for a, b in basis.bounds]
    seen = resolution_map(basis, resolution, lines) >= _RESOLVED
    places = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
    share = seen.ravel()[problem.domain.contains(places)].mean()
    notes = [
        f"{basis.name}: cubic splines, {resolution.size} coefficients, smoothness weighed by {strength:.1g}; "
        f"the data decide on {decided:.1f} of them, over {share:.0%} of the domain"
    ]
    if len(lines) == 1 and not seen.all():
        edges = np.flatnonzero(np.diff(np.r_[True, seen, True].astype(int)))
        gaps = [(lines[0][min(a, 100)], lines[0][min(b, 101) - 1]) for a, b in edges.reshape(-1, 2)]
        shown = ", ".join(f"[{a:.3g}, {b:.3g}]" for a, b in gaps)
        notes.append(f"{basis.name} is not resolvable on {shown}")
    return notes
