"""Discrete solutions as arrays for the cache, and as a dataset that other tools can read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .dense_output import Trajectory
from .fields import DiscreteField
from .mesh import FiniteMesh
from .spaces import Space, SpaceProduct

if TYPE_CHECKING:
    import xarray

    from .fem import FemReference

_LEVELS = 101
# What UGRID calls cells, by dimension.
_CELL_NAMES = {1: "edge", 2: "face", 3: "volume"}


def to_arrays(reference: FemReference) -> dict[str, np.ndarray]:
    """Everything needed to build the reference again, but the problem."""
    levels = [*reference.coarser, reference.solution]
    record = {
        "levels": len(levels),
        "error_bar": dict(reference.error_bar),
        "up_to_constant": dict(reference.up_to_constant),
        "vanishing": sorted(reference.vanishing),
        "notes": reference.notes,
        "seconds": reference.seconds,
    }
    arrays = {"record": np.array(json.dumps(record))}
    for number, level in enumerate(levels):
        arrays |= {f"level_{number}_{name}": array for name, array in _field_arrays(level).items()}
    return arrays


def record_from(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The fields of the reference beside its solutions."""
    record = json.loads(str(arrays["record"]))
    fields = {k: record[k] for k in ("error_bar", "up_to_constant", "seconds")}
    return {**fields, "vanishing": frozenset(record["vanishing"]), "notes": tuple(record["notes"])}


def fields_from(arrays: Mapping[str, np.ndarray]) -> list[DiscreteField]:
    """The solutions, the finest last."""
    levels = []
    for number in range(json.loads(str(arrays["record"]))["levels"]):
        prefix = f"level_{number}_"
        own = {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}
        levels.append(_field_from(own))
    return levels


def _field_arrays(solution: DiscreteField) -> dict[str, np.ndarray]:
    product = solution.product
    record = {
        "names": solution.names,
        "degrees": [s.degree for s in product.spaces],
        "sizes": [s.size for s in product.spaces],
        "boundaries": list(product.mesh.boundaries),
    }
    arrays = {
        "record": np.array(json.dumps(record)),
        "points": product.mesh.points,
        "cells": product.mesh.cells,
    }
    if product.mesh.edge_nodes is not None:
        arrays["edge_nodes"] = product.mesh.edge_nodes
    for i, facets in enumerate(product.mesh.boundaries.values()):
        arrays[f"boundary_{i}"] = facets
    for i, space in enumerate(product.spaces):
        arrays[f"cell_dofs_{i}"] = space.cell_dofs
    if solution.trajectory is None:
        arrays["coefficients"] = solution.coefficients
    else:
        moving = solution.trajectory
        arrays |= {"times": moving.times, "nodes": moving.nodes, "basis": moving.basis}
    return arrays


def _field_from(arrays: dict[str, np.ndarray]) -> DiscreteField:
    record = json.loads(str(arrays["record"]))
    boundaries = {name: arrays[f"boundary_{i}"] for i, name in enumerate(record["boundaries"])}
    mesh = FiniteMesh(arrays["points"], arrays["cells"], arrays.get("edge_nodes"), boundaries)
    spaces = tuple(
        Space(mesh, degree, arrays[f"cell_dofs_{i}"], size)
        for i, (degree, size) in enumerate(zip(record["degrees"], record["sizes"], strict=True))
    )
    trajectory = Trajectory(arrays["times"], arrays["nodes"], arrays["basis"]) if "times" in arrays else None
    return DiscreteField(tuple(record["names"]), SpaceProduct(spaces), arrays.get("coefficients"), trajectory)


def mesh_dataset(reference: FemReference) -> xarray.Dataset:
    """Vertex values under each unknown's name on a UGRID 1.0 mesh, with all coefficients beside them.

    On lines the vertices are the grid. ``u_dofs`` and ``u_element_dofs`` hold the coefficients of an unknown
    u and their numbers in each cell, its ``degree`` is an attribute: with the mesh they give back the exact
    discrete function. Over time, values and coefficients stand at equidistant moments.
    """
    import xarray

    solution, product = reference.solution, reference.solution.product
    mesh, problem = product.mesh, reference.problem
    space_names = [str(c) for c in problem.coordinates]
    time = str(problem.time) if solution.trajectory is not None else None
    point = space_names[0] if mesh.dimension == 1 else "node"
    coordinates: dict[str, Any] = {}
    data: dict[str, Any] = {}
    states, lead = solution.coefficients[None] if time is None else None, []
    if time is not None:
        moments = np.linspace(solution.trajectory.times[0], solution.trajectory.times[-1], _LEVELS)
        states, lead = solution.trajectory.at(moments), [time]
        coordinates[time] = (time, moments)
    for axis, name in enumerate(space_names):
        coordinates[name] = (point, mesh.points[:, axis])
    for k, (name, space) in enumerate(zip(solution.names, product.spaces, strict=False)):
        own = states[:, product.part(k)]
        values = own[:, _vertex_dofs(space)]
        dofs = f"{name}_dof"
        data[name] = ([*lead, point], values if time else values[0], {"location": "node", "mesh": "mesh"})
        data[f"{name}_dofs"] = ([*lead, dofs], own if time else own[0], {"degree": space.degree})
        data[f"{name}_element_dofs"] = (["cell", f"{name}_local"], space.cell_dofs)
    connectivity = f"{_CELL_NAMES[mesh.dimension]}_node_connectivity"
    data["mesh_cells"] = (
        ["cell", "vertex"],
        mesh.cells,
        {"cf_role": connectivity, "start_index": 0},
    )
    data["mesh"] = (
        (),
        0,
        {
            "cf_role": "mesh_topology",
            "topology_dimension": mesh.dimension,
            "node_coordinates": " ".join(space_names),
            connectivity: "mesh_cells",
        },
    )
    if mesh.edge_nodes is not None:
        data["mesh_edges"] = (["edge", "end"], mesh.edges)
        data["mesh_edge_nodes"] = (["edge", "axis"], mesh.edge_nodes)
    bars = {f"error_bar_{n}": float(v) for n, v in reference.error_bar.items()}
    attributes = {
        "Conventions": "UGRID-1.0",
        "kind": reference.kind,
        "notes": "\n".join(reference.notes),
        **bars,
    }
    return xarray.Dataset(data, coordinates, attributes)


def _vertex_dofs(space: Space) -> np.ndarray:
    numbers = np.empty(len(space.mesh.points), np.int64)
    corners = space.mesh.cells.shape[1]
    numbers[space.mesh.cells] = space.cell_dofs[:, :corners]
    return numbers
