"""Shapes with named boundaries, points and normals on them, meshes and quadrature."""

from __future__ import annotations

from .boolean import Difference, Intersection, Union
from .boxes import Box, Interval, Rectangle
from .errors import GeometryError
from .pieces import BoundaryPiece
from .polygon import Polygon
from .round import Ball, Cylinder, Disk, Ellipse
from .shapes import BOUNDARY, Shape

__all__ = [
    "BOUNDARY",
    "Ball",
    "BoundaryPiece",
    "Box",
    "Cylinder",
    "Difference",
    "Disk",
    "Ellipse",
    "GeometryError",
    "Intersection",
    "Interval",
    "Polygon",
    "Rectangle",
    "Shape",
    "Union",
]
