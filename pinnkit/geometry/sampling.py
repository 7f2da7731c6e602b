"""Points of a shape and of its boundary: scrambled Sobol, uniform pseudo-random, or a grid.

Every method draws numbers in the unit cube, lets the shape or its pieces map them, and keeps those that fall
inside, in order, until there are enough. One stream serves all coordinates and time, so that the points are
of low discrepancy together and not only each axis apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np

from .errors import GeometryError
from .shapes import BOUNDARY, Shape

Method = Literal["sobol", "uniform", "grid"]
METHODS: tuple[str, ...] = ("sobol", "uniform", "grid")

# Below this share of accepted proposals a shape counts as having no inside.
SCARCE = 1e-5


def interior(
    shape: Shape, n: int, seed: int = 0, method: Method = "sobol", time: tuple[float, float] | None = None
) -> np.ndarray:
    """``n`` points of the shape, (n, d), with a last column in ``time`` where that is given.

    The same seed gives the same points. ``grid`` ignores the seed.
    """
    lower, upper = shape.bounds
    sides = [*(upper - lower), *_duration(time)]

    def accept(unit: np.ndarray) -> np.ndarray:
        points, kept = shape.propose(unit[:, : shape.dimension])
        return _with_time(points, unit, time)[kept]

    if method == "grid":
        # A lattice keeps its rows and columns only under an affine map.
        def accept(unit: np.ndarray) -> np.ndarray:
            points = lower + unit[:, : shape.dimension] * (upper - lower)
            return _with_time(points, unit, time)[shape.contains(points)]

    return _collect(accept, sides, n, seed, method)


def tensor_grid(
    shape: Shape, n: int, time: tuple[float, float] | None = None
) -> tuple[np.ndarray, tuple[int, ...]] | None:
    """At least ``n`` points (·, d) of a box that are a whole tensor grid, and the number along each axis.

    The last coordinate, which is ``time`` where that is given, runs fastest. None for a shape that does not
    hold all points of the grid over its bounds.
    """
    lower, upper = shape.bounds
    unit, counts = _lattice([*(upper - lower), *_duration(time)], float(n))
    points = lower + unit[:, : shape.dimension] * (upper - lower)
    return (_with_time(points, unit, time), counts) if shape.contains(points).all() else None


def boundary(
    shape: Shape,
    where: str | Sequence[str] = BOUNDARY,
    n: int = 1000,
    seed: int = 0,
    method: Method = "sobol",
    time: tuple[float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """``n`` points (n, d) of the pieces named and their outward unit normals (n, d).

    The points spread over the pieces by measure. With ``time`` the points have one more column, the normals
    have not. Raises ``GeometryError`` for a name that the boundary does not have.
    """
    pieces = shape.pieces_of(where)
    weights = np.array([piece.proposed_measure for piece in pieces])
    shares = np.concatenate([[0.0], np.cumsum(weights / weights.sum())])
    # Ends of an interval are picked by a number of their own; elsewhere it goes on as the first coordinate.
    columns = max(shape.dimension - 1, 1)

    def accept(unit: np.ndarray) -> np.ndarray:
        chosen = np.clip(np.searchsorted(shares, unit[:, 0], side="right") - 1, 0, len(pieces) - 1)
        local = unit[:, :columns].copy()
        local[:, 0] = np.clip((unit[:, 0] - shares[chosen]) / np.diff(shares)[chosen], 0, np.nextafter(1, 0))
        points, normals = np.empty((2, len(unit), shape.dimension))
        kept = np.empty(len(unit), dtype=bool)
        for place in np.unique(chosen):
            rows = chosen == place
            points[rows], normals[rows], kept[rows] = pieces[place].propose(local[rows])
        return np.hstack([_with_time(points, unit, time), normals])[kept]

    length = weights.sum() ** (1 / columns)
    found = _collect(accept, [*[length] * columns, *_duration(time)], n, seed, method)
    return found[:, : -shape.dimension], found[:, -shape.dimension :]


def unit_points(n: int, dimension: int, seed: int, method: Method = "sobol") -> np.ndarray:
    """``n`` numbers of the unit cube, (n, dimension)."""
    return _collect(lambda unit: unit, [1.0] * dimension, n, seed, method)


def _duration(time: tuple[float, float] | None) -> list[float]:
    if time is None:
        return []
    start, stop = time
    if not start < stop:
        raise GeometryError(f"time runs from {start:g} to {stop:g}", expected="a start before the end")
    return [stop - start]


def _with_time(points: np.ndarray, unit: np.ndarray, time: tuple[float, float] | None) -> np.ndarray:
    if time is None:
        return points
    start, stop = time
    return np.hstack([points, start + unit[:, -1:] * (stop - start)])


def _collect(
    accept: Callable[[np.ndarray], np.ndarray], sides: Sequence[float], n: int, seed: int, method: str
) -> np.ndarray:
    """The first ``n`` accepted rows; of a grid ``n`` rows spread evenly over one that is fine enough."""
    if method not in METHODS:
        raise GeometryError(
            f"no sampling method is called {method!r}", expected=f"one of {', '.join(METHODS)}"
        )
    if n < 1:
        raise GeometryError(f"{n} points are asked for", expected="at least one")
    if method == "grid":
        return _collect_grid(accept, sides, n)
    found: list[np.ndarray] = []
    have = drawn = 0
    for unit in _blocks(len(sides), n, seed, method):
        found.append(accept(unit))
        have, drawn = have + len(found[-1]), drawn + len(unit)
        if have >= n:
            return np.concatenate(found)[:n]
        _insist(have, drawn)
    raise AssertionError("the stream of blocks does not end")


def _collect_grid(accept: Callable[[np.ndarray], np.ndarray], sides: Sequence[float], n: int) -> np.ndarray:
    total = float(n)
    while True:
        unit, _ = _lattice(sides, total)
        found = accept(unit)
        if len(found) >= n:
            return found[np.linspace(0, len(found) - 1, n).round().astype(int)]
        _insist(len(found), len(unit))
        total *= max(1.05, n / max(len(found), 1))


def _insist(have: int, drawn: int) -> None:
    if drawn > 1_000 and have < SCARCE * drawn:
        raise GeometryError(
            f"{have} of {drawn} points drawn fall into the shape", expected="a shape with an inside",
            mend="check that it is not thinner than intended",
        )  # fmt: skip


def _blocks(dimension: int, n: int, seed: int, method: str) -> Iterator[np.ndarray]:
    """Blocks of unit numbers without end. Sobol totals stay powers of two, where its points are balanced."""
    size = 1 << max(n - 1, 0).bit_length()
    generator = np.random.default_rng(seed)
    if method == "uniform":
        while True:
            yield generator.random((size, dimension))
    from scipy.stats import qmc

    engine = qmc.Sobol(dimension, scramble=True, rng=generator)
    power = size.bit_length() - 1
    yield engine.random_base2(power)
    while True:
        yield engine.random_base2(power)
        power += 1


def _lattice(sides: Sequence[float], total: float) -> tuple[np.ndarray, tuple[int, ...]]:
    """Centres of at least ``total`` equal cells of the unit cube, nearly cubes in a box of these sides; and
    the number of cells along each side.
    """
    extents = np.array(sides)
    spacing = (np.prod(extents) / total) ** (1 / len(extents))
    counts = np.maximum(np.ceil(extents / spacing - 1e-9), 1).astype(int)
    axes = [(np.arange(count) + 0.5) / count for count in counts]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(extents))
    return points, tuple(counts.tolist())
