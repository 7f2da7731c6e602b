"""Reference values in NetCDF: over the grid that dimensions name, at points, or on a UGRID mesh."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .data_arrays import from_arrays
from .data_files import Table, Wanted, mesh_table
from .data_mesh import mesh_values
from .elements import Array
from .mesh import simplex_mesh
from .spaces import Space

_CONNECTIVITY = ("volume_node_connectivity", "face_node_connectivity", "edge_node_connectivity")
_KINDS = {2: "line", 3: "triangle", 4: "tetra"}


def read_netcdf(wanted: Wanted) -> Table:
    """A ``.nc`` file. Errors of unknowns are taken from attributes ``error_bar_NAME`` where it has them."""
    import xarray

    with xarray.open_dataset(wanted.path, engine="h5netcdf", decode_times=False) as file:
        data = file.load()
    variables: dict[str, Any] = {str(k): v for k, v in data.variables.items()}
    values = {n: _transposed(wanted, variables, n) for n in wanted.names}
    times = _coordinate(wanted, variables, wanted.time) if wanted.time else None
    bars = {n: data.attrs.get(f"error_bar_{wanted.called(n)}") for n in wanted.names}
    stated = {n: float(bar) for n, bar in bars.items() if bar is not None}
    topology = [v for v in variables.values() if v.attrs.get("cf_role") == "mesh_topology"]
    if topology and len(wanted.space) > 1:
        return _on_mesh(wanted, variables, topology[0].attrs, values, times, stated)
    arrays = {c: _coordinate(wanted, variables, c) for c in wanted.space}
    if times is not None:
        arrays[str(wanted.time)] = times
    plain = {n: f"{n}[{', '.join(axes)}]" for n, (_, axes) in values.items() if len(axes) > 1}
    arrays |= {n: v for n, (v, _) in values.items()}
    return replace(from_arrays(replace(wanted, columns=plain), arrays), stated=stated)


def _coordinate(wanted: Wanted, variables: dict[str, Any], name: str) -> Array:
    called = wanted.called(name)
    if called not in variables:
        raise wanted.bad(f"no coordinate {called!r}", f"map it: columns: {{{name}: …}}")
    return np.asarray(variables[called].values, float)


def _transposed(wanted: Wanted, variables: dict[str, Any], name: str) -> tuple[Array, tuple[str, ...]]:
    """Values with time first, and their axes: the problem's names for dimensions, ``points`` for another."""
    called = wanted.called(name)
    if called not in variables:
        raise wanted.bad(
            f"no variable {called!r} among {', '.join(sorted(variables))}", f"map it: columns: {{{name}: …}}"
        )
    own = {wanted.called(c): c for c in (*([wanted.time] if wanted.time else []), *wanted.space)}
    array = variables[called]
    order = sorted(array.dims, key=lambda d: list(own).index(d) if d in own else len(own))
    axes = tuple(own.get(str(d), "points") for d in order)
    if axes.count("points") > 1:
        raise wanted.bad(
            f"{called} stands over {', '.join(array.dims)}", "map the dimensions under `columns`"
        )
    return np.asarray(array.transpose(*order).values, float), axes


def _on_mesh(wanted, variables, attributes, values, times, stated) -> Table:
    """Values at the nodes of a UGRID mesh, or a solution's coefficients, which give back the function."""
    called = [wanted.called(s) for s in wanted.space]
    points = np.stack([np.asarray(variables[c].values, float) for c in called], axis=1)
    name = next((attributes[c] for c in _CONNECTIVITY if c in attributes), None)
    if name is None or name not in variables:
        raise wanted.bad("its mesh topology names no cells")
    cells = variables[name]
    cells = np.asarray(cells.values, np.int64) - int(cells.attrs.get("start_index", 0))
    rows = 1 if times is None else len(times)
    flat = {n: v.reshape(rows, -1) for n, (v, _) in values.items()}
    short = {n: v.shape[1] for n, v in flat.items() if v.shape[1] != len(points)}
    if short:
        raise wanted.bad(
            f"{', '.join(f'{n} has {k} values' for n, k in short.items())} for {len(points)} nodes"
        )
    kind = _KINDS.get(cells.shape[1])
    if kind is None or cells.shape[1] != len(wanted.space) + 1:
        raise wanted.bad(f"cells of {cells.shape[1]} nodes", "write a mesh of triangles or tetrahedra")
    mesh = mesh_values(points, [(kind, cells)], flat)
    exact = all(f"{wanted.called(n)}_element_dofs" in variables for n in wanted.names)
    if exact:
        mesh = replace(mesh, **_coefficients(wanted, variables, points, cells, rows))
    return mesh_table(mesh, times, stated)


def _coefficients(wanted, variables, points, cells, rows) -> dict[str, Any]:
    middles = None
    if "mesh_edges" in variables:
        middles = tuple(np.asarray(variables[f"mesh_{n}"].values) for n in ("edges", "edge_nodes"))
    mesh = simplex_mesh(points, cells, {}, middles)
    spaces, coefficients = {}, {}
    for name in wanted.names:
        called = wanted.called(name)
        own = variables[f"{called}_dofs"]
        coefficients[name] = np.asarray(own.values, float).reshape(rows, -1)
        numbers = np.asarray(variables[f"{called}_element_dofs"].values, np.int64)
        spaces[name] = Space(mesh, int(own.attrs["degree"]), numbers, coefficients[name].shape[1])
    return {"mesh": mesh, "spaces": spaces, "coefficients": coefficients, "exact": True}
