"""Overlapping boxes that cover a domain, with smooth windows of compact support that sum to one.

Along an axis with cuts c₁ < … < c_m the windows are ψ_k = S((x − c_k)/δ_k) − S((x − c_{k+1})/δ_{k+1}), with
S = 1 left of the first cut and 0 right of the last: they telescope to one with all their derivatives. The
step S rises from 0 at −1 to 1 at 1, S′ ∝ (1 − z²)⁴, so that four derivatives are continuous and a window
vanishes exactly outside its box: at most two of them are at work at a point of an axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product as tuples

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.polynomial import Polynomial

from .derivatives import Bundle, Key, compose, product

_SMOOTHNESS = 4
_FAR = 10.0  # extents of the domain: where the step at an end of the domain is put
Cuts = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Cover:
    """Boxes between ``lower`` and ``upper``: for each of ``levels`` the inner cuts of every axis.

    A window reaches ``overlap`` (0 to 1) of half a box across a cut, the narrower one of its two.
    Every level sums to one; boxes are numbered level by level, the last axis fastest.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    levels: tuple[Cuts, ...]
    overlap: float = 1.0

    @property
    def size(self) -> int:
        """Number of boxes."""
        return sum(self._counts)

    @property
    def _counts(self) -> list[int]:
        return [int(np.prod([len(cuts) + 1 for cuts in level])) for level in self.levels]

    @cached_property
    def edges(self) -> tuple[np.ndarray, np.ndarray]:
        """For each box and axis the position of its two steps and their half widths, each (boxes, d, 2)."""
        places, widths = [], []
        for level in self.levels:
            axes = [self._axis(axis, np.array(cuts)) for axis, cuts in enumerate(level)]
            for chosen in tuples(*(range(len(cuts) + 1) for cuts in level)):
                places.append([axes[a][0][[k, k + 1]] for a, k in enumerate(chosen)])
                widths.append([axes[a][1][[k, k + 1]] for a, k in enumerate(chosen)])
        return np.array(places), np.array(widths)

    def _axis(self, axis: int, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.lower[axis], self.upper[axis]
        extent = high - low
        sides = np.diff([low, *cuts, high])
        ramps = self.overlap / 2 * np.minimum(sides[:-1], sides[1:])
        return (
            np.array([low - _FAR * extent, *cuts, high + _FAR * extent]),
            np.array([extent, *ramps, extent]),
        )

    @cached_property
    def boxes(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corners of the boxes with their overlaps, within the domain, (boxes, d)."""
        places, widths = self.edges
        low = np.maximum(places[..., 0] - widths[..., 0], self.lower)
        return low, np.minimum(places[..., 1] + widths[..., 1], self.upper)

    @partial(jax.jit, static_argnums=(0, 2))
    def windows(self, points: Array, wanted: tuple[Key, ...]) -> tuple[Array, Array]:
        """The boxes (n, k) that may hold points (n, d), and their windows there (n, k, number of keys).

        Near an end of the domain, where a point has fewer boxes, one comes again with a window of zero.
        """
        chosen, present = self._near(points)
        places, widths = (jnp.asarray(edge, points.dtype)[chosen] for edge in self.edges)
        zero = wanted[0]
        total: Bundle = {zero: present.astype(points.dtype)}
        for axis in range(points.shape[1]):
            if any(level[axis] for level in self.levels):
                unit = tuple(int(axis == k) for k in range(points.shape[1]))
                inverse = 1 / widths[:, :, axis]
                z = {zero: (points[:, None, axis, None] - places[:, :, axis]) * inverse, unit: inverse}
                steps = compose(_step, z, wanted)
                total = product(total, {key: e[..., 0] - e[..., 1] for key, e in steps.items()}, wanted)
        none = jnp.zeros_like(total[zero])
        return chosen, jnp.stack([total.get(key, none) for key in wanted], axis=-1)

    def _near(self, points: Array) -> tuple[Array, Array]:
        """The boxes (n, k) that may hold points (n, d), and whether each of them is not another one again."""
        chosen, present, first = [], [], 0
        for level, count in zip(self.levels, self._counts, strict=True):
            own, real = jnp.full((len(points), 1), first), jnp.ones((len(points), 1), bool)
            stride = count
            for axis, cuts in enumerate(level):
                if not cuts:
                    continue
                stride //= len(cuts) + 1
                at, beside, exists = self._beside(points[:, axis], axis, cuts)
                both = jnp.stack([at, beside], axis=1) * stride
                kept = jnp.stack([jnp.ones_like(exists), exists], axis=1)
                own = (own[:, :, None] + both[:, None, :]).reshape(len(points), -1)
                real = (real[:, :, None] & kept[:, None, :]).reshape(len(points), -1)
            chosen.append(own)
            present.append(real)
            first += count
        return jnp.concatenate(chosen, axis=1), jnp.concatenate(present, axis=1)

    def _beside(self, x: Array, axis: int, cuts: tuple[float, ...]) -> tuple[Array, Array, Array]:
        """The part of an axis that x lies in, the neighbour at its nearer end, and whether there is one."""
        ends = jnp.asarray([self.lower[axis], *cuts, self.upper[axis]], x.dtype)
        at = jnp.searchsorted(ends[1:-1], x, side="right")
        other = jnp.where(x < (ends[at] + ends[at + 1]) / 2, at - 1, at + 1)
        exists = (other >= 0) & (other <= len(cuts))
        return at, jnp.where(exists, other, at), exists


_SLOPE = Polynomial([1, 0, -1]) ** _SMOOTHNESS
_STEP = _SLOPE.integ(lbnd=-1)
_POLYNOMIALS = [(_STEP / _STEP(1.0)).deriv(k) for k in range(_SMOOTHNESS + 1)]


def _step(z: Array, order: int) -> list[Array]:
    """S(z), S′(z), …: 0 below −1 and 1 above 1."""
    inside = jnp.clip(z, -1, 1)
    values = [jnp.polyval(jnp.asarray(p.coef[::-1], z.dtype), inside) for p in _POLYNOMIALS[: order + 1]]
    # the polynomials vanish at the ends up to rounding errors only
    return [jnp.where(z >= 1, 1.0, jnp.where(z <= -1, 0.0, values[0])),
            *(jnp.where(jnp.abs(z) < 1, value, 0.0) for value in values[1:])]  # fmt: skip
