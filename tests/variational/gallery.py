"""Cells of every kind, bent ones among them, and a smooth function with its derivatives."""

from __future__ import annotations

import numpy as np

from pinnkit.geometry.elements import ELEMENTS

KINDS = ("line", "triangle", "triangle6", "quad", "quad9", "tetra", "tetra10", "hexahedron", "wedge")


def bent(kind: str, count: int = 3, seed: int = 0) -> np.ndarray:
    """Nodes (count, k, d) of cells of a kind, each node moved a little, so that no map is simple."""
    element = ELEMENTS[kind]
    nodes = np.array(element.nodes, float).reshape(-1, element.dimension)
    moves = np.random.default_rng(seed).uniform(-0.06, 0.06, (count, *nodes.shape))
    sizes = np.array([1.0, 0.5, 2.0])[:count, None, None]
    return sizes * (nodes + moves) + np.arange(count)[:, None, None]
