"""Mesh files for tests, in formats that meshio writes without names or not at all."""

from __future__ import annotations

import h5py
import meshio
import numpy as np

from pinnkit.geometry.elements import ELEMENTS
from pinnkit.geometry.exodus import _SIDES

# Nodes of exodus in VTK's order: edges below, upright ones, those above; the middle, below, above, then the
# faces at the sides (SAND92-2137, figure 4.9).
_HEX = [*range(12), *range(16, 20), *range(12, 16)]
ORDERS = {"hexahedron20": _HEX, "hexahedron27": [*_HEX, 26, 24, 25, 20, 21, 22, 23]}


def to_meshio(mesh, key):
    """The mesh with its boundary and subdomains as numbered and named groups; 9 is no subdomain."""
    dimension = mesh.dimension
    points = np.zeros((len(mesh.points), 3))
    points[:, :dimension] = mesh.points
    cells, tags, groups = [], [], {}
    for block in mesh.blocks:
        own = np.full(len(block.cells), 9)
        for name, rows in block.subdomains.items():
            groups.setdefault(name, (20 + len(groups), dimension))
            own[rows] = groups[name][0]
        cells.append((block.kind, block.cells))
        tags.append(own)
    for block in mesh.blocks:
        for name, facets in block.facets.items():
            groups.setdefault(name, (1 + len(groups), dimension - 1))
            for kind, rows in by_kind(block.element.facet, facets):
                cells.append((kind, rows))
                tags.append(np.full(len(rows), groups[name][0]))
    data = {key: tags}
    if key.startswith("gmsh"):
        # An entity has the number of its group, as meshio needs it.
        data["gmsh:geometrical"] = tags
    return meshio.Mesh(
        points, cells, cell_data=data, field_data={name: np.array(pair) for name, pair in groups.items()}
    )


def by_kind(kind, facets):
    """Facets with the triangles among quadrilaterals apart."""
    if kind != "quad":
        return [(kind, facets)]
    flat = facets[:, 2] == facets[:, 3]
    return [(k, rows) for k, rows in (("triangle", facets[flat][:, :3]), (kind, facets[~flat])) if len(rows)]


def gmsh_four(mesh, binary=False):
    """Bytes of version 4.1; the last boundary name belongs to two groups, one subdomain entity to none."""
    names = dict.fromkeys(name for block in mesh.blocks for name in (*block.facets, *block.subdomains))
    numbers = {name: place for place, name in enumerate(names, 1)}
    types = {k: v for v, k in meshio.gmsh.common._gmsh_to_meshio_type.items()}
    order = meshio.gmsh.common._meshio_to_gmsh_order
    d, blocks, entities = mesh.dimension, [], {}
    for block in mesh.blocks:
        own = np.full(len(block.cells), 500)
        for name, rows in block.subdomains.items():
            own[rows] = numbers[name]
        for entity in np.unique(own):
            blocks.append((d, int(entity), block.kind, block.cells[own == entity]))
            entities[d, int(entity)] = [int(entity)] if entity != 500 else []
        for name, facets in block.facets.items():
            for kind, rows in by_kind(block.element.facet, facets):
                blocks.append((d - 1, numbers[name], kind, rows))
                entities[d - 1, numbers[name]] = [numbers[name]]

    def put(kind, *values):
        if binary:
            return np.array(values, {"size": "<u8", "int": "<i4", "real": "<f8"}[kind]).tobytes()
        return " ".join(map(str, values)).encode() + b"\n"

    regions = {name for block in mesh.blocks for name in block.subdomains}
    out = [b"$MeshFormat\n4.1 %d 8\n" % binary, put("int", 1) + b"\n" if binary else b"", b"$EndMeshFormat\n"]
    out.append(b"$PhysicalNames\n%d\n" % len(names))
    out += [b'%d %d "%s"\n' % (d if n in regions else d - 1, i, n.encode()) for n, i in numbers.items()]
    out.append(b"$EndPhysicalNames\n$Entities\n")
    out.append(put("size", *(sum(of == k for of, _ in entities) for k in range(4))))
    for of, entity in sorted(entities):
        out += [put("int", entity), put("real", *[0.0] * (3 if of == 0 else 6))]
        out += [put("size", len(entities[of, entity])), put("int", *entities[of, entity])]
        out.append(put("size", 0) if of else b"")
    count = len(mesh.points)
    space = np.zeros((count, 3))
    space[:, :d] = mesh.points
    out += [b"\n$EndEntities\n$Nodes\n", put("size", 1, count, 1, count), put("int", d, 1, 0)]
    out += [put("size", count), put("size", *range(1, count + 1)), put("real", *space.ravel().tolist())]
    out.append(b"\n$EndNodes\n$Elements\n")
    total = sum(len(rows) for *_, rows in blocks)
    out.append(put("size", len(blocks), total, 1, total))
    start = 1
    for of, entity, kind, rows in blocks:
        out += [put("int", of, entity, types[kind]), put("size", len(rows))]
        numbered = np.column_stack([np.arange(start, start + len(rows)), order(kind, rows) + 1])
        out.append(put("size", *numbered.ravel().tolist()))
        start += len(rows)
    return b"".join([*out, b"\n$EndElements\n"])


def exodus(mesh, path, *, classic, names=True):
    """An exodus file with one block for each kind and subdomain, and side sets."""
    kinds = {"triangle": "TRI3", "triangle6": "TRI6", "quad": "QUAD4", "quad8": "QUAD8", "quad9": "QUAD9"}
    kinds |= {"tetra": "TETRA4", "tetra10": "TETRA10", "wedge": "WEDGE6", "pyramid": "PYRAMID5"}
    kinds |= {"hexahedron": "HEX8", "hexahedron20": "HEX20", "hexahedron27": "HEX27"}
    blocks, owners = [], []
    for block in mesh.blocks:
        own = np.full(len(block.cells), "other", dtype=object)
        for name, rows in block.subdomains.items():
            own[rows] = name
        for name in dict.fromkeys(own):
            rows = np.flatnonzero(own == name)
            blocks.append((name, kinds[block.kind], block.cells[rows], block.kind))
            owners.append((block, rows))
    variables, kind_of = {}, {}
    for axis, key in zip(mesh.points.T, ("coordx", "coordy", "coordz"), strict=False):
        variables[key] = axis
    starts = np.cumsum([0, *(len(b[2]) for b in blocks)])
    sides = {}
    for number, (_, kind, cells, plain) in enumerate(blocks, 1):
        cells = cells[:, ORDERS.get(plain, slice(None))]
        variables[f"connect{number}"], kind_of[f"connect{number}"] = cells.astype("i4") + 1, kind
    for (block, rows), start in zip(owners, starts, strict=False):
        base = next(name for name in _SIDES if block.kind.startswith(name))
        place = {
            tuple(sorted(set(block.cells[row][list(s)].tolist()))): (start + i + 1, k + 1)
            for i, row in enumerate(rows) for k, s in enumerate(_SIDES[base])
        }  # fmt: skip
        corners = ELEMENTS[block.element.facet].corners
        for name, facets in block.facets.items():
            found = [place.get(tuple(sorted(set(f)))) for f in facets[:, :corners].tolist()]
            sides.setdefault(name, []).extend(pair for pair in found if pair)
    for number, pairs in enumerate(sides.values(), 1):
        pairs = np.array(pairs, dtype="i4")
        variables[f"elem_ss{number}"], variables[f"side_ss{number}"] = pairs.T
    variables["eb_prop1"] = np.arange(10, 10 + len(blocks), dtype="i4")
    variables["ss_prop1"] = np.arange(1, 1 + len(sides), dtype="i4")
    for key, texts in (("eb_names", [b[0] for b in blocks]), ("ss_names", list(sides))):
        padded = [(t if names else "").encode().ljust(33, b"\0") for t in texts]
        variables[key] = np.array([[bytes([c]) for c in t] for t in padded], dtype="S1")
    if not classic:
        with h5py.File(path, "w") as data:
            for key, values in variables.items():
                data[key] = values
                if key in kind_of:
                    data[key].attrs["elem_type"] = np.bytes_(kind_of[key])
        return
    from scipy.io import netcdf_file

    with netcdf_file(str(path), "w") as data:
        for key, values in variables.items():
            axes = []
            for axis, length in enumerate(values.shape):
                data.createDimension(f"{key}_{axis}", length)
                axes.append(f"{key}_{axis}")
            made = data.createVariable(key, values.dtype.char if values.dtype.kind != "S" else "c", axes)
            made[:] = values
            if key in kind_of:
                made.elem_type = kind_of[key]


def med(mesh, path):
    """A MED file; the kind of cell in which nothing is named has no families."""
    kinds = {"line": "SE2", "line3": "SE3", "triangle": "TR3", "triangle6": "TR6", "quad": "QU4"}
    kinds |= {"quad8": "QU8", "quad9": "QU9", "tetra": "TE4", "tetra10": "T10", "hexahedron": "HE8"}
    kinds["hexahedron20"] = "H20"
    kinds |= {"wedge": "PE6", "pyramid": "PY5"}
    raw = to_meshio(mesh, "tags")
    names = {int(number): name for name, (number, _) in raw.field_data.items()}
    with h5py.File(path, "w") as data:
        grid = data.create_group("ENS_MAA/mesh")
        grid.attrs["ESP"] = mesh.dimension
        step = grid.create_group("-0000000000000000001-0000000000000000001")
        step["NOE/COO"] = mesh.points.ravel(order="F")
        together = {}
        for block, tags in zip(raw.cells, raw.cell_data["tags"], strict=True):
            together.setdefault(block.type, []).append((block.data, tags))
        for kind, parts in together.items():
            rows, tags = (np.concatenate(column) for column in zip(*parts, strict=True))
            here = step.create_group(f"MAI/{kinds[kind]}")
            here["NOD"] = rows.ravel(order="F") + 1
            here["NOD"].attrs["NBR"] = len(rows)
            if np.any(tags != 9):
                here["FAM"] = np.where(tags == 9, 0, -tags)
        families = data.create_group("FAS/mesh/ELEME")
        for number, name in names.items():
            family = families.create_group(f"FAM_{-number}_{name}")
            family.attrs["NUM"] = -number
            family["GRO/NOM"] = np.array([list(name.encode().ljust(80, b"\0"))], dtype="i1")
