"""Mesh files that ParaView opens: .vtu for one time, .xdmf for a time series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .atomic import replacing
from .dataset import at_time, display_mesh, time_levels

if TYPE_CHECKING:
    from .record import Solution

_NODES = {1: 1_000, 2: 8_000, 3: 30_000}


def write_vtu(solution: Solution, path: Path) -> None:
    """Write nodal values on a mesh of the domain, at the last time of a transient.

    Raises ``ValueError`` above three space dimensions, ``StorageError`` where the write fails.
    """
    import meshio

    points, nodes, cells = _geometry(solution)
    clock = solution.problem.time
    with replacing(Path(path)) as temporary:
        meshio.write(
            temporary,
            meshio.Mesh(points, cells, point_data=_values(solution, nodes, clock.end if clock else 0.0)),
            file_format="vtu",
        )


def write_xdmf(solution: Solution, path: Path) -> None:
    """Write nodal values on one mesh at a series of times, in a single XDMF 3 file.

    Raises as ``write_vtu``, and ``ValueError`` for a steady problem.
    """
    from meshio.xdmf import TimeSeriesWriter

    if solution.problem.time is None:
        raise ValueError("an .xdmf time series needs a problem with time; write a steady solution to .vtu")
    points, nodes, cells = _geometry(solution)
    with replacing(Path(path)) as temporary, TimeSeriesWriter(temporary, data_format="XML") as writer:
        writer.write_points_cells(points, cells)
        for time in time_levels(solution.problem):
            writer.write_data(float(time), point_data=_values(solution, nodes, float(time)))
        for topology in writer.xdmf_file.iter("Topology"):
            if topology.get("TopologyType") == "Polyline":
                topology.set("NodesPerElement", "2")  # XDMF wants it for polylines and meshio leaves it out


def _geometry(solution: Solution) -> tuple[np.ndarray, np.ndarray, Any]:
    """Points in three coordinates, as VTK has them; nodes in the problem's own; cells."""
    dimension = len(solution.problem.coordinates)
    if dimension not in _NODES:
        raise ValueError(f"mesh files hold up to 3 space dimensions, this problem has {dimension}; write .nc")
    nodes, cells, kind = display_mesh(solution.problem, _NODES[dimension])
    return np.pad(nodes, ((0, 0), (0, 3 - dimension))), nodes, [(kind, cells)]


def _values(solution: Solution, nodes: np.ndarray, time: float) -> Any:
    return solution.evaluate(at_time(nodes, solution.problem, time), extrapolate=True)
