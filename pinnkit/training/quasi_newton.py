"""Quasi-Newton methods: SSBroyden and SSBFGS with a dense inverse Hessian, L-BFGS with a short memory.

Self-scaled members of Broyden's family, with s = Δθ, y = Δg, p = −Hg and s = αp:

    H ← [H − (Hy)(Hy)ᵀ/yᵀHy + φ (yᵀHy) v vᵀ]/τ + ρ s sᵀ,   v = ρ s − Hy/yᵀHy,   ρ = 1/yᵀs.

They differ in how φ and τ are chosen. Al-Baali, Spedicato and Maggioni, Broyden's quasi-Newton methods for
a nonlinear system of equations and unconstrained optimization (2014); Urbán, Stefanou and Pons, Unveiling
the optimization process of physics informed neural networks (2025), section 3.

The cost beside the objective is memory traffic. H is read once for Hy and Hg together, and read and
written once for the update, in which all rank-one terms are combined to s aᵀ + Hy bᵀ. Practical up to
about 5,000 parameters.
"""

from __future__ import annotations

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular

from .arrays import Flag, History, Matrix, Scalar, Vector
from .descent import AbstractDescent, Displacement


class InverseHessian(eqx.Module):
    """H as a dense symmetric matrix."""

    matrix: Matrix


class AbstractBroyden(AbstractDescent[InverseHessian]):
    """Broyden's self-scaled family, all but the choice of φ and τ."""

    @abc.abstractmethod
    def scaling(self, b: Scalar, h: Scalar, first: Flag, size: int) -> tuple[Scalar, Scalar]:
        """φ and τ from b = sᵀBs/yᵀs and h = yᵀHy/yᵀs, ``first`` in the first update; size = P."""

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        # H, the new H, and the room in which the loop exchanges them
        return super().bytes_needed(parameters, rows, itemsize) + 3 * itemsize * parameters**2

    def identity(self, theta: Vector) -> InverseHessian:
        return InverseHessian(jnp.eye(theta.size, dtype=theta.dtype))

    def product(self, curvature: InverseHessian, vector: Vector) -> Vector:
        return curvature.matrix @ vector

    def update(
        self, curvature: InverseHessian, move: Displacement, reset: Flag
    ) -> tuple[InverseHessian, Vector]:
        old, s, y, ys = curvature.matrix, move.s, move.y, move.ys
        # One pass over H for both products. Hg is formed afresh: recurrences for it lose all digits once
        # the gradient has shrunk by many orders.
        hy, hg = jnp.stack([y, move.gradient]) @ old
        yhy = y @ hy
        used = move.used & (yhy > 0)
        yhy = jnp.where(used, yhy, 1.0)
        phi, tau = self.scaling(move.b, yhy / ys, move.first, s.size)
        # H/τ + (s, Hy) [[ss, sw], [sw, ww]] (s, Hy)ᵀ, the whole update as one elementwise pass.
        scale = jnp.where(used, 1 / tau, 1.0)
        ss = jnp.where(used, phi * yhy / (ys**2 * tau) + 1 / ys, 0.0)
        sw = jnp.where(used, -phi / (ys * tau), 0.0)
        ww = jnp.where(used, (phi - 1) / (yhy * tau), 0.0)
        left, right = ss * s + sw * hy, sw * s + ww * hy
        new = scale * old + s[:, None] * left[None, :] + hy[:, None] * right[None, :]
        # The row numbers depend on the state, or the identity would become a loop constant of size P × P.
        columns = jnp.arange(s.size)
        rows = jnp.where(reset, columns, s.size)
        new = jnp.where(reset, (rows[:, None] == columns[None, :]).astype(s.dtype), new)
        direction = -(scale * hg + s * (left @ move.gradient) + hy * (right @ move.gradient))
        return InverseHessian(new), jnp.where(reset, -move.gradient, direction)


class SSBroyden(AbstractBroyden):
    """Self-scaled Broyden: φ leaves BFGS towards rank-one and DFP updates where the curvature asks for it.

    Urbán, Stefanou and Pons (2025), the method they call SSBroyden2. The optimiser of choice after some
    thousand iterations of Adam: superlinear, and far less prone to stall on stiff residuals than BFGS.
    """

    name: ClassVar[str] = "ssbroyden"
    summary: ClassVar[str] = "self-scaled Broyden, dense; the most accurate up to about 5,000 parameters"
    default_iterations: ClassVar[int] = 5_000

    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=200, static=True)
    least_fall: float = eqx.field(default=1e-4, static=True)

    def scaling(self, b: Scalar, h: Scalar, first: Flag, size: int) -> tuple[Scalar, Scalar]:
        # a ≥ 0 by Cauchy–Schwarz and vanishes where s and Hy are parallel (always so for one parameter).
        a = jnp.maximum(b * h - 1, jnp.finfo(b.dtype).eps)
        c = jnp.sqrt(a / (1 + a))
        # h (1 − c), written without the cancellation at large a.
        least = jnp.minimum(1.0, h / ((1 + a) * (1 + c)))
        theta = jnp.maximum((least - 1) / a, jnp.minimum(1 / least, (1 - b) / b))
        sigma = 1 + theta * a
        root = jnp.abs(sigma) ** (1 / (1 - size)) if size > 1 else jnp.ones_like(sigma)
        shrink = jnp.minimum(1.0, 1 / b)
        tau = jnp.where(
            theta <= 0,
            jnp.minimum(shrink * root, sigma),
            shrink * jnp.minimum(root, 1 / jnp.where(theta > 0, theta, 1.0)),
        )
        return (1 - theta) / sigma, jnp.where(first, h / sigma, tau)


class SSBFGS(AbstractBroyden):
    """Self-scaled BFGS: φ = 1 and τ = min(1, yᵀs/sᵀBs), the first τ = yᵀHy/yᵀs.

    Oren and Luenberger (1974) with the safeguard of Al-Baali (1998).
    """

    name: ClassVar[str] = "ssbfgs"
    summary: ClassVar[str] = "self-scaled BFGS, dense; a simpler relative of ssbroyden"
    default_iterations: ClassVar[int] = 5_000

    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=200, static=True)
    least_fall: float = eqx.field(default=1e-4, static=True)

    def scaling(self, b: Scalar, h: Scalar, first: Flag, size: int) -> tuple[Scalar, Scalar]:
        return jnp.ones_like(b), jnp.where(first, h, jnp.minimum(1.0, 1 / b))


class Pairs(eqx.Module):
    """The last M pairs (s, y), the newest last; rows of zeros where there are none yet."""

    s: History
    y: History


class LBFGS(AbstractDescent[Pairs]):
    """Limited-memory BFGS, for more parameters than a dense H has room for.

    H = γI + [S, Y] M [S, Y]ᵀ in the compact form of Byrd, Nocedal and Schnabel (1994), theorem 2.2, with
    γ = yᵀs/yᵀy of the newest pair.
    """

    name: ClassVar[str] = "lbfgs"
    summary: ClassVar[str] = "limited-memory BFGS; for more parameters than ssbroyden has room for"
    default_iterations: ClassVar[int] = 5_000

    memory: int = eqx.field(default=50, static=True)
    gradient_tolerance: float = eqx.field(default=1e-14, static=True)
    loss_tolerance: float = eqx.field(default=1e-30, static=True)
    patience: int = eqx.field(default=200, static=True)
    least_fall: float = eqx.field(default=1e-4, static=True)

    def bytes_needed(self, parameters: int, rows: int, itemsize: int = 8) -> int:
        # both rows of pairs, and their successors
        return super().bytes_needed(parameters, rows, itemsize) + 4 * itemsize * self.memory * parameters

    def identity(self, theta: Vector) -> Pairs:
        empty = jnp.zeros((self.memory, theta.size), theta.dtype)
        return Pairs(empty, empty)

    def product(self, curvature: Pairs, vector: Vector) -> Vector:
        s, y = curvature.s, curvature.y
        products = s @ y.T
        inner = jnp.diag(products)
        # Rows without a pair are zero; a one on the diagonal keeps them so through the triangular solves.
        upper = jnp.triu(products) + jnp.diag(jnp.where(inner > 0, 0.0, 1.0))
        norm = y[-1] @ y[-1]
        gamma = jnp.where(norm > 0, inner[-1] / jnp.where(norm > 0, norm, 1.0), 1.0)
        along_s, along_y = s @ vector, y @ vector
        first = solve_triangular(upper, along_s)
        second = inner * first + gamma * (y @ (first @ y)) - gamma * along_y
        return gamma * vector + solve_triangular(upper, second, trans=1) @ s - gamma * (first @ y)

    def update(self, curvature: Pairs, move: Displacement, reset: Flag) -> tuple[Pairs, Vector]:
        def append(rows: History, row: Vector) -> History:
            grown = jnp.where(move.used, jnp.concatenate([rows[1:], row[None]]), rows)
            return jnp.where(reset, 0.0, grown)

        pairs = Pairs(append(curvature.s, move.s), append(curvature.y, move.y))
        return pairs, -self.product(pairs, move.gradient)
