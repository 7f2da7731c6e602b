"""SOAP: Adam in the eigenbasis of Shampoo's factors, one pair of factors for every weight matrix.

With the gradient G of a matrix W, m × n,

    L ← βL + (1 − β)GGᵀ,    R ← βR + (1 − β)GᵀG,    L ≈ U diag Uᵀ,  R ≈ V diag Vᵀ,
    M ← β₁M + (1 − β₁)G,    S ← β₂S + (1 − β₂)(UᵀGV)²,    W ← W − η U [(UᵀMV)/(√S + ε)] Vᵀ.

The bases come from an eigen-decomposition at first and then, every ``frequency`` iterations, from one step
of orthogonal iteration. Vectors, and sides longer than ``longest_side``, keep the identity as basis. A leaf
of three dimensions is a batch of matrices.

Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson and Kakade, SOAP: improving and stabilizing
Shampoo using Adam (2024), algorithm 3; Wang, Bhartari, Li and Perdikaris (2025) for physics-informed
networks.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from .arrays import Count, Vector
from .first_order import AbstractFirstOrder, clipped, warm_up_and_decay
from .optimiser import Objective


class MatrixObjective(Objective, Protocol):
    """What SOAP sees besides the loss."""

    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the leaves that θ strings together."""
        ...


class Side(eqx.Module):
    """One of Shampoo's factors and the basis of its eigenvectors."""

    factor: Array
    basis: Array

    def update(self, outer: Array, count: Count, decay: float, frequency: int) -> tuple[Side, Array]:
        """The side after one more gradient, and the order in which the basis now has its vectors."""
        factor = decay * self.factor + (1 - decay) * outer
        same = jnp.arange(factor.shape[0])

        def first() -> tuple[Array, Array]:
            return jnp.linalg.eigh(factor)[1], same

        def iterate() -> tuple[Array, Array]:
            product = factor @ self.basis
            # orthogonal iteration converges only in the order of falling eigenvalues
            order = jnp.argsort(-jnp.sum(self.basis * product, axis=0))
            return jnp.linalg.qr(product[:, order])[0], order

        def renew() -> tuple[Array, Array]:
            return jax.lax.cond(count == 0, first, iterate)

        basis, order = jax.lax.cond(count % frequency == 0, renew, lambda: (self.basis, same))
        sound = jnp.all(jnp.isfinite(basis))
        return Side(factor, jnp.where(sound, basis, self.basis)), jnp.where(sound, order, same)


class Leaf(eqx.Module):
    """Sides of a matrix (None: the identity), momentum M, and S in the basis."""

    left: Side | None
    right: Side | None
    momentum: Array
    square: Array


class SoapState(eqx.Module):
    """What is kept for every leaf."""

    leaves: tuple[Leaf, ...]
    count: Count


class Soap(AbstractFirstOrder):
    """SOAP (Vyas et al. 2024), for networks too large for a dense inverse Hessian."""

    name: ClassVar[str] = "soap"
    summary: ClassVar[str] = "Adam in the eigenbasis of Shampoo's factors; for large networks"
    default_iterations: ClassVar[int] = 5_000

    learning_rate: float = eqx.field(default=3e-3, static=True)
    final_rate: float = eqx.field(default=3e-5, static=True)
    warm_up: int = eqx.field(default=100, static=True)
    horizon: int = eqx.field(default=5_000, static=True)
    first_decay: float = eqx.field(default=0.95, static=True)
    second_decay: float = eqx.field(default=0.95, static=True)
    frequency: int = eqx.field(default=10, static=True)
    longest_side: int = eqx.field(default=1_024, static=True)
    clip: float | None = eqx.field(default=None, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        # factors, bases and their successors are no larger than those of square matrices of all parameters,
        # but for one matrix that is far from square
        sides = 8 * parameters + 4 * min(parameters, self.longest_side) ** 2
        return super().bytes_needed(parameters, rows, itemsize) + itemsize * sides

    def rule(self, objective: MatrixObjective) -> optax.GradientTransformation:
        rate = warm_up_and_decay(self.learning_rate, self.final_rate, self.warm_up, self.horizon)
        soap = optax.GradientTransformation(self._initial(objective.shapes()), self._updated)  # pyright: ignore[reportArgumentType]
        return clipped(optax.chain(soap, optax.scale_by_learning_rate(rate)), self.clip)

    def _initial(self, shapes: tuple[tuple[int, ...], ...]) -> Any:
        def side(length: int, other: int, batch: int, dtype: Any) -> Side | None:
            if min(length, other) < 2 or length > self.longest_side:
                return None
            return Side(
                jnp.zeros((batch, length, length), dtype),
                jnp.broadcast_to(jnp.eye(length, dtype=dtype), (batch, length, length)),
            )

        def leaf(shape: tuple[int, ...], dtype: Any) -> Leaf:
            rows, columns = shape[-2:] if len(shape) > 1 else (1, int(np.prod(shape)))
            batch = int(np.prod(shape[:-2]))
            empty = jnp.zeros((batch, rows, columns), dtype)
            return Leaf(
                side(rows, columns, batch, dtype), side(columns, rows, batch, dtype), empty, empty
            )  # fmt: skip

        def initial(theta: Vector) -> SoapState:
            return SoapState(
                tuple(leaf(shape, theta.dtype) for shape in shapes), jnp.zeros((), jnp.int32)
            )  # fmt: skip

        return initial

    def _updated(self, gradient: Vector, state: SoapState, theta: Vector) -> tuple[Vector, SoapState]:
        ends = np.cumsum([leaf.momentum.size for leaf in state.leaves])[:-1]
        steps, leaves = [], []
        for part, leaf in zip(jnp.split(gradient, ends), state.leaves, strict=True):
            step, leaf = jax.vmap(lambda g, kept: self._leaf(g, kept, state.count))(
                part.reshape(leaf.momentum.shape), leaf
            )
            steps.append(step.ravel())
            leaves.append(leaf)
        return jnp.concatenate(steps), SoapState(tuple(leaves), state.count + 1)

    def _leaf(self, gradient: Array, leaf: Leaf, count: Count) -> tuple[Array, Leaf]:
        left, right, square = leaf.left, leaf.right, leaf.square
        if left is not None:
            outer = gradient @ gradient.T
            left, order = left.update(outer, count, self.second_decay, self.frequency)
            square = square[order, :]
        if right is not None:
            outer = gradient.T @ gradient
            right, order = right.update(outer, count, self.second_decay, self.frequency)
            square = square[:, order]

        def into(matrix: Array) -> Array:
            matrix = matrix if left is None else left.basis.T @ matrix
            return matrix if right is None else matrix @ right.basis

        def out_of(matrix: Array) -> Array:
            matrix = matrix if left is None else left.basis @ matrix
            return matrix if right is None else matrix @ right.basis.T

        momentum = self.first_decay * leaf.momentum + (1 - self.first_decay) * gradient
        square = self.second_decay * square + (1 - self.second_decay) * into(gradient) ** 2
        step = into(momentum) / (1 - self.first_decay ** (count + 1))
        size = jnp.sqrt(square / (1 - self.second_decay ** (count + 1)))
        return out_of(step / (size + 1e-8)), Leaf(left, right, momentum, square)
