"""Casting pytrees from one precision to another."""

from __future__ import annotations

from typing import Any, TypeVar

import equinox as eqx
import jax

Tree = TypeVar("Tree")


def cast(tree: Tree, kind: Any) -> Tree:
    """A pytree with its floating-point arrays as ``kind``, all else as it is."""
    return jax.tree.map(lambda leaf: leaf.astype(kind) if eqx.is_inexact_array(leaf) else leaf, tree)
