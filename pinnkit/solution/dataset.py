"""Fields as xarray datasets: a grid for boxes, a UGRID-1.0 mesh for other shapes, points in many dimensions.

UGRID conventions 1.0, https://ugrid-conventions.github.io/ugrid-conventions/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.problem import Problem
from ..geometry.boxes import Box, Interval, Rectangle
from ..geometry.meshing import mesh
from ..geometry.sampling import interior
from ..geometry.simplices import simplices
from .atomic import write_bytes

if TYPE_CHECKING:
    import xarray as xr

    from .record import Solution

Evaluate = Callable[[np.ndarray], Mapping[str, np.ndarray]]

_GRID_LINE = {1: 513, 2: 129, 3: 41, 4: 15}  # grid points along each axis, by space dimension
_TIMES = {1: 101, 2: 41, 3: 11, 4: 6}  # time levels, by space dimension
_MESH_NODES = {1: 500, 2: 6_000, 3: 20_000}
_SCATTERED = 20_000  # points where no grid or mesh fits
_TOPOLOGY = {1: "edge", 2: "face", 3: "volume"}


def solution_dataset(solution: Solution) -> xr.Dataset:
    """The dataset of a solution, with what determined it in the attributes."""
    record = solution.record
    return field_dataset(
        solution.problem,
        lambda points: solution.evaluate(points, extrapolate=True),
        {
            "solver": record.solver,
            "seed": record.seed,
            "status": record.status,
            **{f"parameter_{name}": float(value) for name, value in record.parameters.items()},
        },
    )


def field_dataset(problem: Problem, evaluate: Evaluate, attributes: Mapping[str, Any]) -> xr.Dataset:
    """Any field of a problem as a dataset: each unknown under its own name over its own coordinates.

    ``evaluate`` maps points (n, d) to one array (n,) per unknown; unknowns that it leaves out are left out
    here. Boxes up to four dimensions give a regular grid over the coordinates (and time); other shapes up
    to three give a UGRID mesh with values at its nodes, time as a further dimension; what remains gives
    scattered points.
    """
    dimension = len(problem.coordinates)
    if isinstance(problem.domain, (Interval, Rectangle, Box)) and dimension in _GRID_LINE:
        dataset = _grid(problem, evaluate)
    elif dimension in _MESH_NODES:
        dataset = _mesh(problem, evaluate)
    else:
        dataset = _scattered(problem, evaluate)
    dataset.attrs.update(_describe(problem), **attributes)
    return dataset


def write_netcdf(dataset: xr.Dataset, path: Path) -> None:
    """Write a dataset as NetCDF 4, at once; raises ``StorageError``."""
    # Through memory, since HDF5 reports a full disk in ways of its own.
    write_bytes(Path(path), dataset.to_netcdf(engine="h5netcdf"))


def display_mesh(problem: Problem, nodes: int) -> tuple[np.ndarray, np.ndarray, str]:
    """A mesh of straight simplices with about ``nodes`` nodes: points (n, d), cells (m, k), cell kind."""
    shape, dimension = problem.domain, len(problem.coordinates)
    cells_per_volume = {1: 1.0, 2: 2 / np.sqrt(3.0), 3: np.sqrt(2.0)}[dimension]  # nodes of unit spacing
    size = float((cells_per_volume * shape.measure / nodes) ** (1.0 / dimension))
    made = simplices(mesh(shape, size, order=1))
    corners = made.vertices
    straight = np.searchsorted(corners, made.cells[:, : dimension + 1])
    return made.points[corners], straight, ("line", "triangle", "tetra")[dimension - 1]


def time_levels(problem: Problem) -> np.ndarray:
    """Times at which a dataset holds the field; empty for a steady problem."""
    if problem.time is None:
        return np.empty(0)
    count = _TIMES.get(len(problem.coordinates), 2)
    return np.linspace(problem.time.start, problem.time.end, count)


def at_time(points: np.ndarray, problem: Problem, time: float) -> np.ndarray:
    """Space points (n, d) with the time as a further column where the problem has time."""
    return points if problem.time is None else np.column_stack([points, np.full(len(points), time)])


def _grid(problem: Problem, evaluate: Evaluate) -> xr.Dataset:
    import xarray as xr

    dimension = len(problem.coordinates)
    axes = [
        np.linspace(low, high, _GRID_LINE[dimension])
        for low, high in zip(problem.lower[:dimension], problem.upper[:dimension], strict=True)
    ]
    if problem.time is not None:
        axes.append(time_levels(problem))
    values = evaluate(np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1))
    shape = tuple(len(axis) for axis in axes)
    names = [v.name for v in problem.variables]
    data = {}
    for name, own in _own_variables(problem).items():
        if name in values:
            # An unknown of fewer variables, such as a coefficient a(x), is constant along the others.
            pick = tuple(slice(None) if variable in own else 0 for variable in names)
            data[name] = ([v for v in names if v in own], np.asarray(values[name]).reshape(shape)[pick])
    return xr.Dataset(data, coords=dict(zip(names, axes, strict=True)))


def _mesh(problem: Problem, evaluate: Evaluate) -> xr.Dataset:
    import xarray as xr

    dimension = len(problem.coordinates)
    nodes, cells, _ = display_mesh(problem, _MESH_NODES[dimension])
    taken = {v.name for v in problem.variables} | set(problem.unknown_names)
    topology, node, cell = (_free(name, taken) for name in ("mesh", "node", _TOPOLOGY[dimension]))
    connectivity, corner = f"{topology}_{cell}_nodes", f"{topology}_{cell}_corner"
    dataset = _nodal(problem, evaluate, nodes, node)
    for name in dataset.data_vars:
        dataset[name].attrs.update(mesh=topology, location="node")
    dataset[connectivity] = xr.DataArray(
        cells.astype(np.int32), dims=(cell, corner),
        attrs={"cf_role": f"{_TOPOLOGY[dimension]}_node_connectivity", "start_index": 0},
    )
    dataset[topology] = xr.DataArray(
        np.int32(0),
        attrs={
            "cf_role": "mesh_topology",
            "topology_dimension": dimension,
            "node_coordinates": " ".join(c.name for c in problem.coordinates),
            f"{_TOPOLOGY[dimension]}_node_connectivity": connectivity,
        },
    )
    return dataset


def _scattered(problem: Problem, evaluate: Evaluate) -> xr.Dataset:
    point = _free("point", {v.name for v in problem.variables} | set(problem.unknown_names))
    return _nodal(problem, evaluate, interior(problem.domain, _SCATTERED, 0), point)


def _nodal(problem: Problem, evaluate: Evaluate, nodes: np.ndarray, along: str) -> xr.Dataset:
    """Values at space points, and at every time level, over the dimension ``along``."""
    import xarray as xr

    coords: dict[str, Any] = {c.name: (along, nodes[:, i]) for i, c in enumerate(problem.coordinates)}
    levels = time_levels(problem)
    if problem.time is None:
        steady = evaluate(nodes)
        present = [name for name in problem.unknown_names if name in steady]
        return xr.Dataset({name: (along, np.asarray(steady[name])) for name in present}, coords)
    clock = problem.time.name
    at = [evaluate(at_time(nodes, problem, time)) for time in levels]
    data = {}
    for name, own in _own_variables(problem).items():
        if name in at[0]:
            series = np.stack([np.asarray(level[name]) for level in at])
            data[name] = ((clock, along), series) if clock in own else (along, series[0])
    return xr.Dataset(data, coords={clock: levels, **coords})


def _own_variables(problem: Problem) -> dict[str, tuple[str, ...]]:
    return {
        name: tuple(str(argument) for argument in applied.args)
        for name, applied in zip(problem.unknown_names, problem.unknowns, strict=True)
    }


def _describe(problem: Problem) -> dict[str, str]:
    from .record import package_versions

    return {
        "Conventions": "CF-1.11 UGRID-1.0",
        "title": problem.name,
        "problem": problem.name,
        "equations": "; ".join(f"{e.name}: {e.lhs} = {e.rhs}" for e in problem.equations),
        "sign_convention": "an equation lhs = rhs has the residual lhs - rhs",
        "pinnkit_version": package_versions().get("pinnkit", "unknown"),
    }


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
