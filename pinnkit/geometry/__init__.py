"""Shapes with named boundaries, points and normals on them, meshes and quadrature.

Sampling, meshing and quadrature are functions of a shape in the modules of these names.
"""

from __future__ import annotations

from .boolean import Difference, Intersection, Union
from .boxes import Box, Interval, Rectangle
from .errors import GeometryError
from .mapping import from_mapping
from .mesh import Mesh
from .mesh_file import MeshFile
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
    "Mesh",
    "MeshFile",
    "Polygon",
    "Rectangle",
    "Shape",
    "Union",
    "from_mapping",
]
