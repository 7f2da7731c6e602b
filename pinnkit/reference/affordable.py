"""The degree of elements that a mesh file, whose cells are given, leaves room for."""

from __future__ import annotations

from math import factorial

from ..geometry.mesh_file import MeshFile
from ..geometry.shapes import Shape


def affordable(shape: Shape, degree: int, most: int) -> int:
    """The highest degree up to ``degree`` with which a mesh file and its halving have ``most`` unknowns.

    Each level has about pᵈ/d! unknowns a cell. Other shapes begin with few cells, and any degree will do.
    """
    if not isinstance(shape, MeshFile):
        return degree
    d = shape.dimension
    cells = len(shape.simplices.cells) << d
    return next((p for p in range(degree, 1, -1) if cells * p**d / factorial(d) <= most), 1)
