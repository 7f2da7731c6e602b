"""DSGNAR: doubly sketched Gauss–Newton in a trust region, with a ratio that grows stricter.

    min_z |S(r + J Cᵀz)|²,  |z| ≤ Δ,    θ ← θ + Cᵀz.

S is a CountSketch of the rows: each is added, with a random sign, to one of a few buckets. C takes s of the
P rows of an orthonormal discrete cosine transform after random signs, so that |Cᵀz| = |z|. Both are drawn
anew in every iteration. One singular value decomposition gives z for all radii

    24 of them, log-spaced in [Δ/3, 3Δ];

the largest is taken whose step brings at least the part ϱ* of the predicted fall; where there is none, the
one with the best ratio if that is positive; else Δ ← Δ/3.

Webb, Jerad and Cartis, doubly sketched Gauss–Newton with adaptive ratio (2026), arXiv 2607.02194. Of a tall
sketch the triangular factor is decomposed, which has the same singular values.
"""

from __future__ import annotations

from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.fft import dct, idct

from .arrays import Count, Flag, Scalar, Vector
from .damped import AbstractDamped, DampedState, where_running
from .gram import LeastSquaresObjective
from .optimiser import RUNNING

_REACH = 3.0
_BISECTIONS = 60


class DsgnarState(DampedState):
    """Δ besides what all these states tell; the sketches follow from the iteration."""

    radius: Scalar
    failure: ClassVar[str] = (
        "steps lowered the loss within no radius tried; the trust region was cut to a third each time"
    )


class _Sketch(eqx.Module):
    """S J Cᵀ = U diag(singular) Vᵀ, and Uᵀ S r."""

    singular: Vector
    right: Array
    aligned: Vector
    signs: Vector
    columns: Array

    def within(self, radius: Scalar) -> Vector:
        """z for a radius: −V σUᵀSr/(σ² + λ), λ = 0 where that is within the radius."""
        floor = jnp.finfo(self.singular.dtype).eps * self.singular.size * self.singular[0]
        kept = self.singular > floor
        pulled = jnp.where(kept, self.singular * self.aligned, 0.0)
        squares = jnp.where(kept, self.singular**2, 1.0)
        most = jnp.maximum(jnp.linalg.norm(pulled) / radius, jnp.finfo(radius.dtype).tiny)
        least = (
            jnp.minimum(jnp.finfo(radius.dtype).eps * floor**2, 1e-6 * most) + jnp.finfo(radius.dtype).tiny
        )

        def halve(_: Array, ends: tuple[Scalar, Scalar]) -> tuple[Scalar, Scalar]:
            low, high = ends
            middle = jnp.sqrt(low) * jnp.sqrt(high)
            longer = jnp.linalg.norm(pulled / (squares + middle)) > radius
            return jnp.where(longer, middle, low), jnp.where(longer, high, middle)

        _, damping = jax.lax.fori_loop(0, _BISECTIONS, halve, (least, most))
        inside = jnp.linalg.norm(pulled / squares) <= radius
        return -(pulled / (squares + jnp.where(inside, 0.0, damping))) @ self.right

    def fall(self, z: Vector) -> Scalar:
        """|Sr|² − |S(r + JCᵀz)|²."""
        change = self.singular * (self.right @ z)
        return -(2 * self.aligned + change) @ change

    def lift(self, z: Vector) -> Vector:
        """Cᵀz."""
        spread = jnp.zeros_like(self.signs).at[self.columns].set(z)
        return self.signs * idct(spread, norm="ortho")


class _Trial(eqx.Module):
    theta: Vector
    loss: Scalar
    ratio: Scalar
    radius: Scalar
    tried: Count


class Dsgnar(AbstractDamped[DsgnarState]):
    """DSGNAR; ``share`` = s/P, ``buckets`` = rows of the sketch as a multiple of s.

    ϱ* is ``ratio`` in the first half of ``horizon`` iterations and ``late_ratio`` after it.
    """

    name: ClassVar[str] = "dsgnar"
    summary: ClassVar[str] = "doubly sketched Gauss–Newton; very accurate, for up to about 10,000 parameters"
    default_iterations: ClassVar[int] = 1_000

    share: float = eqx.field(default=0.5, static=True)
    buckets: float = eqx.field(default=8.0, static=True)
    radii: int = eqx.field(default=24, static=True)
    first_radius: float = eqx.field(default=1.0, static=True)
    ratio: float = eqx.field(default=0.075, static=True)
    late_ratio: float = eqx.field(default=0.5, static=True)
    horizon: int = eqx.field(default=1_000, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=100, static=True)
    least_fall: float = eqx.field(default=1e-3, static=True)

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        columns, buckets = self._sizes(parameters, rows)
        chunk = 3 * min(rows, 1024) * parameters
        return super().bytes_needed(parameters, rows, itemsize) + itemsize * (
            3 * buckets * columns + 4 * columns**2 + chunk
        )

    def init(self, objective: LeastSquaresObjective, theta: Vector) -> DsgnarState:
        begun = self.begun(objective, theta)
        return DsgnarState(**begun, radius=jnp.full_like(begun["loss"], self.first_radius))

    def step(
        self, objective: LeastSquaresObjective, theta: Vector, state: DsgnarState
    ) -> tuple[Vector, DsgnarState]:
        running = state.status == RUNNING
        sketch = self._sketch(objective, theta, jax.random.fold_in(jax.random.key(0), state.iteration))
        wanted = jnp.where(2 * state.iteration < self.horizon, self.ratio, self.late_ratio)
        trial = self._try_radii(objective, theta, state, sketch, wanted, running)
        moved = running & (trial.ratio > 0)

        radius = jnp.where(moved, trial.radius, state.radius / _REACH)
        entries = self.gone_on(
            state, trial.loss, trial.tried, ~moved,
            stuck=radius <= jnp.finfo(theta.dtype).eps * jnp.linalg.norm(theta),
            finite=jnp.all(jnp.isfinite(sketch.aligned)),
        )  # fmt: skip
        new = where_running(running, state, DsgnarState(**entries, radius=radius))
        return jnp.where(moved, trial.theta, theta), new

    def _sizes(self, parameters: int, rows: int) -> tuple[int, int]:
        columns = max(1, min(parameters, round(self.share * parameters)))
        return columns, min(rows, max(columns, round(self.buckets * columns)))

    def _sketch(self, objective: LeastSquaresObjective, theta: Vector, key: Array) -> _Sketch:
        rows = jax.eval_shape(objective.residual, theta).size
        count, buckets = self._sizes(theta.size, rows)
        where, which, rows_key, columns_key = jax.random.split(key, 4)
        signs = jax.random.rademacher(columns_key, (theta.size,), theta.dtype)
        columns = jax.random.permutation(which, theta.size)[:count]
        if buckets < rows:
            bucket = jax.random.randint(where, (rows,), 0, buckets)
            flips = jax.random.rademacher(rows_key, (rows,), theta.dtype)
        else:
            bucket, flips = jnp.arange(rows), jnp.ones(rows, theta.dtype)

        def add(carry: Array, residual: Array, slopes: Array, positions: Array) -> Array:
            thin = dct(slopes * signs, norm="ortho")[:, columns]
            both = jnp.concatenate([thin, residual[:, None]], axis=1)
            return carry.at[bucket[positions]].add(flips[positions, None] * both)

        table = objective.fold(theta, add, jnp.zeros((buckets, count + 1), theta.dtype))
        if buckets > count + 1:
            table = jnp.linalg.qr(table, mode="r")
        left, singular, right = jnp.linalg.svd(table[:, :-1], full_matrices=False)
        return _Sketch(singular, right, left.T @ table[:, -1], signs, columns)

    def _try_radii(
        self,
        objective: LeastSquaresObjective,
        theta: Vector,
        state: DsgnarState,
        sketch: _Sketch,
        wanted: Scalar,
        enabled: Flag,
    ) -> _Trial:
        """From the largest radius down to the first with the ratio that is wanted."""
        exponents = jnp.linspace(1.0, -1.0, self.radii, dtype=theta.dtype)

        def attempt(best: _Trial) -> _Trial:
            radius = state.radius * _REACH ** exponents[best.tried]
            z = sketch.within(radius)
            there = theta + sketch.lift(z)
            loss = objective.loss(there)
            ratio = (state.loss - loss) / sketch.fall(z)
            better = jnp.isfinite(loss) & (loss < state.loss) & (ratio > best.ratio)
            # a step that ends inside says how far the model reaches
            radius = jnp.minimum(radius, _REACH * jnp.linalg.norm(z))
            new = _Trial(there, loss, ratio, radius, best.tried)
            kept = jax.tree.map(lambda old, now: jnp.where(better, now, old), best, new)
            return eqx.tree_at(lambda trial: trial.tried, kept, best.tried + 1)

        return jax.lax.while_loop(
            lambda best: enabled & (best.ratio < wanted) & (best.tried < self.radii),
            attempt,
            _Trial(theta, state.loss, jnp.zeros_like(state.loss), state.radius, jnp.zeros((), jnp.int32)),
        )
