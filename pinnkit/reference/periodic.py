"""Opposite sides of a mesh that a periodic coordinate makes one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from .base import ReferenceUnavailable
from .elements import Array

_NEAR = 1e-9


def masters(places: Array, points: Array, axes: Sequence[int]) -> NDArray[np.int64]:
    """For each of ``places`` (n, d) the number of the one on the lower sides that it is one with, or its own.

    The sides are those of the bounding box of the mesh's ``points``; places that are NaN stay by themselves.
    Raises ``ReferenceUnavailable`` where a place on an upper side has none opposite.
    """
    low, width = points.min(axis=0), np.ptp(points, axis=0)
    near = _NEAR * float(width.max())
    wrapped = places.copy()
    for axis in axes:
        wrapped[places[:, axis] > low[axis] + width[axis] - near, axis] = low[axis]
    known = ~np.isnan(places).any(axis=1)
    moved = known & (wrapped != places).any(axis=1)
    still = np.flatnonzero(known & ~moved)
    result = np.arange(len(places))
    if moved.any():
        distance, match = cKDTree(places[still]).query(wrapped[moved])
        if distance.max() > near:
            raise unmatched()
        result[moved] = still[match]
    return result


def unmatched() -> ReferenceUnavailable:
    """The complaint about sides that are no copies of each other."""
    return ReferenceUnavailable(
        "finite elements: the mesh does not match on the two sides that a periodic condition joins",
        reason="nodes on opposite sides must be the same",
        mend="give a mesh whose opposite sides are copies, or a rectangle, a box or a shape of the plane",
    )
