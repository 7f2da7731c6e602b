"""Separable network: sums of products of functions of one coordinate, fast on tensor grids."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import reduce
from operator import mul
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from .activations import ACTIVATIONS
from .derivatives import Bundle, Index, compose
from .fourier import Inputs, along
from .network import AbstractNetwork, Architecture, Linear, layer, stack


class Separable(AbstractNetwork):
    """u_k = Σ_r c_kr Π_i f_i^r(x_i) + b_k, each f_i a perceptron of x_i alone with ``width`` outputs.

    ∂^α u needs the derivatives of each f_i by its one coordinate only. On a tensor grid of n₁ × … × n_d
    points, Σ nᵢ points pass through the perceptrons instead of Π nᵢ, and the rest is one contraction for each
    derivative. Source: Cho, Nam, Yang, Yun, Hong & Park, NeurIPS (2023), eqs. 4–8; the weights c are ours, so
    that the unknowns share their products and are linear in an output layer.
    """

    inputs: Inputs
    bodies: tuple[tuple[Linear, ...], ...]
    head: Linear
    activation: str = eqx.field(static=True)
    separable: ClassVar[bool] = True

    def __init__(self, inputs: Inputs, outputs: int, architecture: Architecture, key: Array):
        last, *keys = jax.random.split(key, inputs.coordinates.dimension + 1)
        self.inputs, self.activation = inputs, architecture.activation
        self.bodies = tuple(
            self._body(along(inputs, axis).width, architecture, drawn) for axis, drawn in enumerate(keys)
        )
        self.head = layer(architecture.width, outputs, architecture, last, last=True)

    @staticmethod
    def _body(inputs: int, architecture: Architecture, key: Array) -> tuple[Linear, ...]:
        *hidden, last = jax.random.split(key, architecture.depth + 1)
        factors = layer(architecture.width, architecture.width, architecture, last, last=True)
        return (*stack(inputs, architecture, hidden), factors)

    @property
    def first(self) -> tuple[Linear, ...]:
        """The layers that see the inputs."""
        return tuple(body[0] for body in self.bodies)

    def features(self, points: Array, wanted: Sequence[Index]) -> Bundle:
        """Bundle of the products, entries of shape (n, width)."""
        factors = [self._factors(axis, points[:, axis], wanted) for axis in range(points.shape[1])]
        return {
            index: reduce(mul, (factor[order] for factor, order in zip(factors, index, strict=True)))
            for index in wanted
        }

    def on_grid(self, axes: Sequence[Array], wanted: Sequence[Index]) -> Bundle:
        """Bundle of the outputs on the tensor grid of ``axes`` (nᵢ,), the last coordinate running fastest."""
        factors = [self._factors(axis, values, wanted) for axis, values in enumerate(axes)]
        letters = string.ascii_lowercase[: len(axes)]
        contraction = ",".join(f"{letter}z" for letter in letters) + f",yz->{letters}y"
        found = {}
        for index in wanted:
            chosen = [factor[order] for factor, order in zip(factors, index, strict=True)]
            values = jnp.einsum(contraction, *chosen, self.head.matrix)
            found[index] = values.reshape(-1, values.shape[-1])
        found[wanted[0]] = found[wanted[0]] + self.head.bias
        return found

    def _factors(self, axis: int, values: Array, wanted: Sequence[Index]) -> list[Array]:
        """f_i, f_i′, … (n, width) at values (n,) of one coordinate, up to the highest order wanted."""
        orders = [(k,) for k in range(1 + max(index[axis] for index in wanted))]
        bundle = along(self.inputs, axis).bundle(values[:, None], orders)
        *hidden, last = self.bodies[axis]
        for inner in hidden:
            bundle = compose(ACTIVATIONS[self.activation], inner.bundle(bundle), orders)
        found = last.bundle(bundle)
        zero = jnp.zeros_like(found[(0,)])
        return [found.get(order, zero) for order in orders]
