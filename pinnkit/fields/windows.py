"""Smooth windows that sum to one: each patch of a grid over the coordinates has one."""

from __future__ import annotations

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array

from .activations import tanh
from .derivatives import Bundle, Key, affine_inputs, compose, product

# Width of a step between two patches as a part of the patch: tanh has fallen to 1e-2 of its height a
# quarter of a patch away, so that windows reach a little into their neighbours.
_STEEPNESS = 0.15


class Windows(eqx.Module):
    """ψ over ``counts`` equal patches of each coordinate between ``lower`` and ``upper``, Σ ψ = 1.

    In one coordinate ψ_k = ½ (T_k − T_{k+1}) with T_k = tanh((x − cut_k)/(s h)), T = 1 left of the first cut
    and −1 right of the last: the sum telescopes to one with all its derivatives, and no quotient is needed.
    """

    lower: tuple[float, ...] = eqx.field(static=True)
    upper: tuple[float, ...] = eqx.field(static=True)
    counts: tuple[int, ...] = eqx.field(static=True)

    @property
    def size(self) -> int:
        """Number of patches."""
        return int(np.prod(self.counts))

    def centers(self) -> tuple[np.ndarray, np.ndarray]:
        """Centres (patches, d) and half widths (d,)."""
        low, high = np.array(self.lower), np.array(self.upper)
        half = (high - low) / (2 * np.array(self.counts))
        axes = [a + h * (2 * np.arange(n) + 1) for a, h, n in zip(low, half, self.counts, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes)), half

    def bundle(self, points: Array, wanted: Sequence[Key]) -> Bundle:
        """Bundle of all windows, entries of shape (n, patches), the last coordinate's fastest."""
        ones = np.ones(points.shape[1])
        position = affine_inputs(points, jnp.asarray(ones), jnp.asarray(0 * ones), wanted)
        total: Bundle = {wanted[0]: jnp.ones((points.shape[0], 1))}
        for axis, count in enumerate(self.counts):
            if count > 1:
                outer = {index: entry[:, :, None] for index, entry in total.items()}
                inner = {
                    index: entry[:, None, :] for index, entry in self._axis(position, axis, wanted).items()
                }
                both = product(outer, inner, wanted)
                total = {index: entry.reshape(entry.shape[0], -1) for index, entry in both.items()}
        return total

    def _axis(self, position: Bundle, axis: int, wanted: Sequence[Key]) -> Bundle:
        low, high, count = self.lower[axis], self.upper[axis], self.counts[axis]
        cuts = np.linspace(low, high, count + 1)[1:-1]
        scale = 1 / (_STEEPNESS * (high - low) / count)
        z = {
            index: scale * entry[:, axis : axis + 1] * np.ones(count - 1) for index, entry in position.items()
        }
        z[wanted[0]] = z[wanted[0]] - scale * cuts
        steps = compose(tanh, z, wanted)
        result = {}
        for index, entry in steps.items():
            edge = jnp.ones_like(entry[:, :1]) * (index == wanted[0])
            result[index] = -jnp.diff(jnp.concatenate([edge, entry, -edge], axis=1), axis=1) / 2
        return result
