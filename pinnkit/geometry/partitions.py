"""Ways to cut a domain: boxes, named shapes, the cells of sites (Voronoi), and level sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise
from itertools import product as tuples

import numpy as np

from .decomposition import Decomposition, Span, Surface, decomposition
from .errors import GeometryError, did_you_mean
from .sampling import boundary, interior, unit_points
from .shapes import Shape

Cuts = tuple[tuple[float, ...], ...]
# g(x) (n,) and ∇g(x) (n, d) at points (n, d)
Level = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
REST = "rest"

_NEWTON_STEPS = 30
_OVERLAP = 1e-9  # of the domain's diameter: how far shapes may reach into each other


def axis_cuts(
    parts: Mapping[str, int | Sequence[float]],
    names: Sequence[str],
    lower: Sequence[float],
    upper: Sequence[float],
) -> Cuts:
    """The inner cuts of every axis, from a number of equal parts or the positions of the cuts.

    Raises ``GeometryError`` for an axis that is none, and for cuts that are out of order or of the domain,
    which would leave a subdomain empty.
    """
    for name in parts:
        if name not in names:
            raise GeometryError(
                f"subdomains along {name!r}", expected=f"one of {', '.join(names)}",
                mend=did_you_mean(name, names, "name a coordinate or the time"),
            )  # fmt: skip
    return tuple(
        _cuts(name, parts.get(name, 1), float(low), float(high))
        for name, low, high in zip(names, lower, upper, strict=True)
    )


def _cuts(name: str, given: int | Sequence[float], low: float, high: float) -> tuple[float, ...]:
    if isinstance(given, int):
        return tuple(np.linspace(low, high, given + 1)[1:-1].tolist())
    ends = [low, *map(float, given), high]
    for before, after in pairwise(ends):
        if not before < after:
            raise GeometryError(
                f"cuts {list(given)} along {name}: the subdomain from {before:g} to {after:g} is empty",
                expected=f"ascending numbers between {low:g} and {high:g}", mend="sort them, or drop some",
            )  # fmt: skip
    return tuple(ends[1:-1])


def in_boxes(domain: Shape, time: Span, cuts: Cuts) -> Decomposition:
    """Boxes between the cuts of every axis, time last; those outside of the domain are left out."""
    counts = [len(inner) + 1 for inner in cuts]
    lower, upper = _corners(domain, time)

    def locate(points: np.ndarray) -> np.ndarray:
        places = [np.searchsorted(inner, x, side="right") for inner, x in zip(cuts, points.T, strict=True)]
        return np.ravel_multi_index(places, counts)

    def face(axis: int, position: float) -> Surface:
        def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
            normals = np.zeros((count, len(cuts)))
            normals[:, axis] = 1.0
            points = lower + unit_points(count, len(cuts), seed) * (upper - lower)
            points[:, axis] = position
            return points, normals

        return draw

    cut = [axis for axis, inner in enumerate(cuts) if inner]
    places = tuples(*map(range, counts))
    names = ["·".join(str(place[axis] + 1) for axis in cut) for place in places]
    faces = [face(axis, position) for axis, inner in enumerate(cuts) for position in inner]
    return decomposition(domain, time, [f"box {name}" for name in names], locate, faces, drop_empty=True)


def in_shapes(domain: Shape, time: Span, shapes: Mapping[str, Shape | None]) -> Decomposition:
    """Named shapes, at all times; one that is None takes the rest.

    Raises ``GeometryError`` where two of them overlap.
    """
    given = {name: shape for name, shape in shapes.items() if shape is not None}
    rest = [name for name in shapes if name not in given]
    if len(rest) > 1:
        raise GeometryError(f"{' and '.join(rest)} both take the rest", expected="one of them at most")
    d = domain.dimension
    for name, shape in given.items():
        if shape.dimension != d:
            raise GeometryError(
                f"subdomain {name} has {shape.dimension} dimensions", expected=f"{d}, as the domain"
            )
    x = interior(domain, 4096, 0)
    for (one, first), (other, second) in combinations(given.items(), 2):
        margin = -_OVERLAP * domain.diameter
        both = first.contains(x, margin) & second.contains(x, margin)
        if both.any():
            place = ", ".join(f"{value:.4g}" for value in x[np.argmax(both)])
            raise GeometryError(
                f"subdomains {one} and {other} overlap, at ({place}) for one",
                expected="shapes that share no more than their boundaries", mend=f"write {one} - {other}",
            )  # fmt: skip

    def locate(points: np.ndarray) -> np.ndarray:
        found = np.full(len(points), len(given) if rest else -1)
        for k, shape in reversed(list(enumerate(given.values()))):
            found[shape.contains(points[:, :d])] = k
        return found

    def around(shape: Shape) -> Surface:
        def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
            if d == 1 and time is None:
                count = 2
            points, normals = boundary(shape, n=count, seed=seed, time=time)
            return points, normals if time is None else np.pad(normals, ((0, 0), (0, 1)))

        return draw

    return decomposition(domain, time, [*given, *rest], locate, [around(s) for s in given.values()])


def at_sites(domain: Shape, time: Span, sites: Sequence[Sequence[float]]) -> Decomposition:
    """The points nearer to one site than to any other (Voronoi), at all times."""
    centers, d = np.array(sites, float), domain.dimension
    if centers.ndim != 2 or centers.shape[1] != d:
        raise GeometryError(f"sites {list(sites)}", expected=f"points of {d} coordinates each")

    def locate(points: np.ndarray) -> np.ndarray:
        return np.argmin(((points[:, None, :d] - centers) ** 2).sum(axis=2), axis=1)

    def between(first: np.ndarray, second: np.ndarray) -> Level:
        normal = np.pad(second - first, (0, int(time is not None)))
        middle = np.pad(first + second, (0, int(time is not None))) / 2
        return lambda points: ((points - middle) @ normal, np.broadcast_to(normal, points.shape))

    planes = [_zeros(domain, time, between(a, b)) for a, b in combinations(centers, 2)]
    return decomposition(domain, time, [f"cell {k + 1}" for k in range(len(centers))], locate, planes)


def at_levels(domain: Shape, time: Span, levels: Sequence[Level]) -> Decomposition:
    """The parts in which the signs of all level functions are the same."""
    weights = 2 ** np.arange(len(levels))

    def signs(points: np.ndarray) -> np.ndarray:
        return np.stack([level(points)[0] > 0 for level in levels], axis=1) @ weights

    known = np.unique(signs(interior(domain, 4096 * len(levels), 0, time=time)))

    def locate(points: np.ndarray) -> np.ndarray:
        found = signs(points)
        places = np.clip(np.searchsorted(known, found), 0, len(known) - 1)
        return np.where(known[places] == found, places, -1)

    names = [f"part {k + 1}" for k in range(len(known))]
    return decomposition(domain, time, names, locate, [_zeros(domain, time, level) for level in levels])


def _zeros(domain: Shape, time: Span, level: Level) -> Surface:
    """Zeros of a level function, by Newton's method along its gradient from points of the domain."""

    def draw(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        points = interior(domain, count, seed, time=time)
        with np.errstate(all="ignore"):
            for _ in range(_NEWTON_STEPS):
                value, slope = level(points)
                step = (value / (slope**2).sum(axis=1))[:, None] * slope
                points = points - step
            found = np.linalg.norm(step, axis=1) <= 1e-12 * domain.diameter
        points, slope = points[found], slope[found]
        return points, slope / np.linalg.norm(slope, axis=1, keepdims=True)

    return draw


def _corners(domain: Shape, time: Span) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = domain.bounds
    return (lower, upper) if time is None else (np.append(lower, time[0]), np.append(upper, time[1]))
