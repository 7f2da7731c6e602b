"""Mesh files as shapes: names, measures, points, reasons for refusals."""

from __future__ import annotations

import meshio
import numpy as np
import pytest

from pinnkit.geometry import Box, Disk, GeometryError, Interval, MeshFile, Rectangle, from_mapping
from pinnkit.geometry.meshing import mesh
from pinnkit.geometry.sampling import boundary, interior

SQUARE_41 = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
3
1 1 "inlet"
1 2 "wall"
2 3 "fluid"
$EndPhysicalNames
$Entities
4 4 1 0
1 0 0 0 0
2 1 0 0 0
3 1 1 0 0
4 0 1 0 0
1 0 0 0 1 0 0 1 2 2 1 -2
2 1 0 0 1 1 0 1 2 2 2 -3
3 0 1 0 1 1 0 1 2 2 3 -4
4 0 0 0 0 1 0 1 1 2 4 -1
1 0 0 0 1 1 0 1 3 4 1 2 3 4
$EndEntities
$Nodes
1 5 1 5
2 1 0 5
1
2
3
4
5
0 0 0
1 0 0
1 1 0
0 1 0
7 7 0
$EndNodes
$Elements
5 6 1 6
1 1 1 1
1 1 2
1 2 1 1
2 2 3
1 3 1 1
3 3 4
1 4 1 1
4 4 1
2 1 2 2
5 1 2 3
6 3 4 1
$EndElements
"""


def written(shape, size, path, key, **options):
    """A mesh of the shape in a file, its boundary in numbered and named groups and one orphan point more."""
    found = mesh(shape, size)
    names = list(found.facets)
    points = np.zeros((len(found.points) + 1, 3))
    points[:-1, : found.dimension] = found.points
    tags = [
        np.full(len(found.cells), 99),
        *(np.full(len(found.facets[n]), i) for i, n in enumerate(names, 1)),
    ]
    cells = [(found.kind, found.cells), *((found.element.facet, found.facets[n]) for n in names)]
    data = {key: tags, **({"gmsh:geometrical": tags} if key.startswith("gmsh") else {})}
    groups = {name: np.array([i, found.dimension - 1]) for i, name in enumerate(names, 1)}
    meshio.Mesh(points, cells, cell_data=data, field_data=groups).write(path, **options)
    return found


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (Interval(0, 1), 0.1),
        (Rectangle((0, 0), (1, 1)), 0.2),
        (Disk((0, 0), 1) - Disk((0, 0), 0.4, name="hole"), 0.2),
        (Box((0, 0, 0), (1, 1, 1)), 0.4),
    ],
)
def test_gmsh_files_keep_names_and_measures(shape, size, tmp_path):
    found = written(shape, size, tmp_path / "a.msh", "gmsh:physical", file_format="gmsh22")
    again = MeshFile(tmp_path / "a.msh")
    assert again.boundary_names == tuple(found.facets)
    assert again.measure == pytest.approx(found.measure, rel=1e-14)
    assert len(again.mesh.points) == len(found.points)
    for name in found.facets:
        assert again.mesh.facet_measures(name).sum() == pytest.approx(found.facet_measures(name).sum())
    points, normals = boundary(again, n=500)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    assert np.all(again.contains(points - 1e-3 * normals))
    assert not np.any(again.contains(points + 1e-3 * normals))
    assert np.all(again.contains(interior(again, 500), 1e-4))
    assert again.mesh.refined().measure == pytest.approx(found.measure, rel=1e-3)


@pytest.mark.parametrize(
    ("suffix", "key"), [("vtu", "gmsh:physical"), ("xdmf", "cell_tags"), ("mesh", "medit:ref")]
)
def test_other_formats_name_groups_by_number(suffix, key, tmp_path):
    written(Rectangle((0, 0), (1, 1)), 0.2, tmp_path / f"a.{suffix}", key)
    shape = MeshFile(tmp_path / f"a.{suffix}", names={"tag_1": "inlet"})
    assert shape.boundary_names == ("inlet", "tag_2", "tag_3", "tag_4")
    assert shape.measure == pytest.approx(1)
    assert from_mapping(shape.to_mapping()) == shape
    assert shape.renamed({"inlet": "left"}).boundary_names[0] == "left"
    assert shape.named("all").boundary_names == ("all",)


def test_gmsh_four(tmp_path):
    (tmp_path / "a.msh").write_text(SQUARE_41)
    shape = MeshFile(tmp_path / "a.msh")
    assert shape.measure == 1
    assert len(shape.mesh.points) == 4
    assert set(shape.boundary_names) == {"inlet", "wall"}
    assert shape.mesh.facet_measures("wall").sum() == 3


def test_mixed_cells_are_kept_whole(tmp_path):
    points = np.array([(0, 0), (1, 0), (1, 1), (0, 1), (2, 0)], float)
    meshio.Mesh(points, [("quad", [[0, 1, 2, 3]]), ("triangle", [[1, 4, 2]])]).write(tmp_path / "a.vtu")
    shape = MeshFile(tmp_path / "a.vtu")
    assert shape.measure == pytest.approx(1.5)
    assert shape.boundary_names == ("rim",)


@pytest.mark.parametrize(
    ("name", "make", "what"),
    [
        ("a.msh", lambda path: path.write_text("hello"), "cannot be read"),
        ("a.vtu", lambda path: path.write_text("<VTKFile>"), "cannot be read"),
        ("a.xyz", lambda path: path.write_text("1 2 3"), "cannot be read"),
        (
            "a.vtu",
            lambda path: meshio.Mesh(np.zeros((18, 3)), [("wedge18", [range(18)])]).write(path),
            "holds wedge18 cells",
        ),
        (
            "a.vtu",
            lambda path: meshio.Mesh(np.eye(3), [("triangle", [[0, 1, 2]])]).write(path),
            "surface or curve in space",
        ),
    ],
)
def test_unusable_files(name, make, what, tmp_path, capfd):
    make(tmp_path / name)
    capfd.readouterr()
    shape = MeshFile(tmp_path / name)
    with pytest.raises(GeometryError, match=what):
        _ = shape.measure
    assert capfd.readouterr() == ("", "")


def test_the_gear_and_the_disk_of_the_acceptance_cases(cases):
    gear = MeshFile(cases / "data/fastvpinns/gear.mesh")
    assert gear.mesh.kind == "quad"
    assert len(gear.mesh.cells) == 14_192
    assert gear.boundary_names == ("tag_1000", "tag_1001")
    points, normals = boundary(gear, n=20_000)
    around = sum(piece.measure for piece in gear.pieces())
    assert around * np.mean(np.sum(points * normals, axis=1)) == pytest.approx(2 * gear.measure, rel=5e-3)
    # One vertex of this file is no cell's.
    disk = MeshFile(cases / "data/fastvpinns/circle_quad.mesh")
    assert len(disk.mesh.points) == 1089
    assert disk.measure == pytest.approx(np.pi, rel=1e-3)
