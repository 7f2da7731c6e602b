"""The boundary of a boolean shape from its parts' boundaries, names kept.

In one and two dimensions exactly: every curve is cut where it meets another, and a part stays where the
finished shape lies on one side of it only; that side also settles its direction. In more dimensions by
rejection (``pieces.Clipped``).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .crossings import crossings
from .curves import Arc, Curve
from .pieces import BoundaryPiece, Clipped, EndPoint, boundary_side

if TYPE_CHECKING:
    from .shapes import Shape

# Relative to the shapes' size: cuts nearer than this are one, and sides are looked at this far away.
CUT = 1e-7
LOOK = 1e-6


def clip(shape: Shape, parts: Sequence[Shape], size: float) -> tuple[BoundaryPiece, ...]:
    """Pieces of the boundary of ``shape``, which is made of ``parts`` within a box of diameter ``size``."""
    candidates = [piece for part in parts for piece in part.pieces()]
    if shape.dimension == 1:
        return _clip_points(shape, [piece for piece in candidates if isinstance(piece, EndPoint)], size)
    curves = [piece for piece in candidates if isinstance(piece, Curve)]
    if len(curves) == len(candidates):
        return _clip_curves(shape, curves, size)
    return _clip_by_rejection(shape, parts, size)


def _clip_points(shape: Shape, candidates: Sequence[EndPoint], size: float) -> tuple[EndPoint, ...]:
    found: list[EndPoint] = []
    for piece in candidates:
        side = boundary_side(shape, np.array([[piece.position]]), np.ones((1, 1)), LOOK * size)[0]
        if side and all(abs(piece.position - other.position) > CUT * size for other in found):
            found.append(EndPoint(piece.name, piece.position, int(side)))
    return tuple(sorted(found, key=lambda piece: piece.position))


def _clip_by_rejection(shape: Shape, parts: Sequence[Shape], size: float) -> tuple[Clipped, ...]:
    clipped = [
        Clipped(piece, shape, tuple(parts[:place]), step=LOOK * size)
        for place, part in enumerate(parts)
        for piece in part.pieces()
    ]
    return tuple(piece for piece in clipped if not piece.empty)


def _clip_curves(shape: Shape, curves: Sequence[Curve], size: float) -> tuple[Curve, ...]:
    found: list[Curve] = []
    taken = np.empty((0, 2))
    for curve, cuts in zip(curves, _all_cuts(curves, CUT * size), strict=True):
        middles = (cuts[:-1] + cuts[1:]) / 2
        points, lengths = curve.at(middles), np.diff(cuts) * curve.measure
        # Short parts are looked at from nearer, so that no neighbour comes in between.
        look = np.minimum(LOOK * size, 0.01 * lengths)
        side = boundary_side(shape, points, curve.normal(middles), look)
        # Where two shapes share an edge, it belongs to the one named first.
        if len(taken):
            apart = np.linalg.norm(points[:, None] - taken, axis=2).min(axis=1)
            side[apart <= CUT * size] = 0
        taken = np.vstack([taken, points[side != 0]])
        found += _joined(curve, cuts, side)
    return tuple(found)


def _all_cuts(curves: Sequence[Curve], tolerance: float) -> list[np.ndarray]:
    """Sorted parameters at which each curve is cut, 0 and 1 included."""
    boxes = [curve.box for curve in curves]
    low, high = (np.array([box[end] for box in boxes]) for end in (0, 1))
    result = []
    for place, curve in enumerate(curves):
        near = np.all((low <= high[place] + tolerance) & (high >= low[place] - tolerance), axis=1)
        near[place] = False
        met = [crossings(curve, curves[other], tolerance) for other in np.flatnonzero(near).tolist()]
        result.append(_apart(np.concatenate([*met, [0.0, 1.0]]), tolerance / curve.measure))
    return result


def _apart(cuts: np.ndarray, gap: float) -> np.ndarray:
    """Sorted cuts with every bunch nearer than ``gap`` replaced by one of it; 0 and 1 stay."""
    kept = [0.0]
    for cut in np.sort(cuts):
        if cut - kept[-1] > gap and 1 - cut > gap:
            kept.append(float(cut))
    return np.array([*kept, 1.0])


def _joined(curve: Curve, cuts: np.ndarray, side: np.ndarray) -> list[Curve]:
    """The kept parts of one curve, neighbours of one direction joined."""
    bounds = [0, *(place + 1 for place in range(len(side) - 1) if side[place] != side[place + 1]), len(side)]
    runs = [(cuts[a], cuts[b], side[a]) for a, b in pairwise(bounds)]
    if isinstance(curve, Arc) and curve.closed and len(runs) > 1 and runs[0][2] == runs[-1][2]:
        # A circle's own start is no cut.
        (_, stop, kept), (start, _, _) = runs[0], runs.pop()
        runs[0] = (start, stop + 1, kept)
    parts = [(curve.part(start, stop), kept) for start, stop, kept in runs if kept]
    return [part if kept > 0 else part.reversed() for part, kept in parts]
