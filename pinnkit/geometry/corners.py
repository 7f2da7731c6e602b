"""Corners of plane shapes and the angles in them."""

from __future__ import annotations

import numpy as np

from .clipping import CUT
from .curves import Curve
from .shapes import Shape

# Joints straighter than this (radians) are none, and corners past a half turn by less are not re-entrant.
STRAIGHT = 1e-3


def corners(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """Corners (n, 2) of the boundary and the interior angles (n,) there, in (0, 2π).

    Joints where the boundary goes on straight are left out, as is everything in other dimensions than two.
    """
    curves = [piece for piece in shape.pieces() if isinstance(piece, Curve)]
    found, angles = [], []
    ends = np.array([curve.at(np.array([0.0, 1.0])) for curve in curves]).reshape(-1, 2, 2)
    for curve, (_, stop) in zip(curves, ends, strict=True):
        if curve.closed:
            continue
        after = np.linalg.norm(ends[:, 0] - stop, axis=1)
        if after.min() > 10 * CUT * shape.diameter:
            continue
        one = curve.normal(np.array([1.0]))[0]
        other = curves[int(np.argmin(after))].normal(np.array([0.0]))[0]
        turn = np.arctan2(one[0] * other[1] - one[1] * other[0], one @ other)
        if abs(turn) > STRAIGHT:
            found.append(stop)
            angles.append(np.pi - turn)
    return np.array(found).reshape(-1, 2), np.array(angles)


def reentrant_corners(shape: Shape) -> np.ndarray:
    """Corners (n, 2) of a plane shape with an interior angle above π, where solutions are singular."""
    points, angles = corners(shape)
    return points[angles > np.pi]
