"""Faulty mesh files: put right with a note, or refused with the reason; never a cell lost in silence."""

from __future__ import annotations

import re

import meshio
import numpy as np
import pytest

from pinnkit.geometry import GeometryError, MeshFile, from_mapping
from pinnkit.geometry.elements import ELEMENTS

from .lattices import lattice
from .mesh_writers import exodus, gmsh_four, med, to_meshio

SQUARE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], float)


def read(tmp_path, points, cells, **options):
    """A mesh file of these points, in the plane or in space, and cells, read."""
    points = np.asarray(points, float)
    space = np.column_stack([points, np.zeros((len(points), 3 - points.shape[1]))])
    meshio.Mesh(space, cells, **options).write(tmp_path / "a.vtu")
    shape = MeshFile(tmp_path / "a.vtu")
    _ = shape.mesh
    return shape


def refused(tmp_path, points, cells, match, **options):
    with pytest.raises(GeometryError) as caught:
        read(tmp_path, points, cells, **options)
    said = caught.value.what.replace(f"mesh file {str(tmp_path / 'a.vtu')!r}", "FILE")
    assert said.startswith("FILE")
    assert re.search(match, said)
    assert caught.value.expected
    assert caught.value.mend


def files(tmp_path):
    """The same square of quadrilaterals in every format."""
    mesh = lattice("quad", 2, 0)
    (tmp_path / "four.msh").write_bytes(gmsh_four(mesh))
    (tmp_path / "binary.msh").write_bytes(gmsh_four(mesh, binary=True))
    to_meshio(mesh, "gmsh:physical").write(tmp_path / "two.msh", file_format="gmsh22", binary=False)
    to_meshio(mesh, "gmsh:physical").write(tmp_path / "both.msh", file_format="gmsh22", binary=True)
    for suffix in ("vtu", "vtk", "xdmf"):
        to_meshio(mesh, "cell_tags").write(tmp_path / f"a.{suffix}")
    for suffix in ("mesh", "meshb"):
        to_meshio(mesh, "medit:ref").write(tmp_path / f"a.{suffix}")
    exodus(mesh, tmp_path / "old.e", classic=True)
    exodus(mesh, tmp_path / "new.exo", classic=False)
    med(mesh, tmp_path / "a.med")
    return sorted(p for p in tmp_path.iterdir() if p.suffix != ".h5")


def test_cut_off_files_are_refused(tmp_path, capfd):
    for file in files(tmp_path):
        whole = file.read_bytes()
        assert MeshFile(file).measure == pytest.approx(1)
        broken = file.with_name("cut" + file.suffix)
        for share in np.linspace(0, 1, 24)[:-1]:
            broken.write_bytes(whole[: int(share * len(whole))])
            with pytest.raises(GeometryError, match=r"is empty|cannot be read"):
                _ = MeshFile(broken).measure
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "tail"), [("two.msh", 13), ("both.msh", 13), ("four.msh", 13), ("a.meshb", 12)]
)
def test_files_that_are_not_closed_are_refused(name, tail, tmp_path):
    (file,) = (file for file in files(tmp_path) if file.name == name)
    file.write_bytes(file.read_bytes()[:-tail])
    with pytest.raises(GeometryError, match="is cut off"):
        _ = MeshFile(file).mesh


def test_a_medit_file_without_one_of_its_lists_is_refused(tmp_path):
    to_meshio(lattice("quad", 2, 0), "medit:ref").write(tmp_path / "a.mesh")
    text = (tmp_path / "a.mesh").read_text()
    (tmp_path / "a.mesh").write_text(text[: text.index("Edges")])
    with pytest.raises(GeometryError, match="is cut off"):
        _ = MeshFile(tmp_path / "a.mesh").mesh


def test_rubbish_is_refused(tmp_path):
    generator = np.random.default_rng(0)
    for file in files(tmp_path):
        whole = bytearray(file.read_bytes())
        for seed in range(12):
            spoilt = bytearray(whole)
            for place in generator.integers(0, len(whole), 1 + 8 * seed):
                spoilt[place] = generator.integers(0, 256)
            file.write_bytes(spoilt)
            try:
                measure = MeshFile(file).measure
            except GeometryError:
                continue
            # Spoilt coordinates may make another square, but no cell may be lost in silence.
            assert np.isfinite(measure)
            assert sum(len(block.cells) for block in MeshFile(file).mesh.blocks) == 4


@pytest.mark.parametrize("suffix", ["msh", "vtu", "vtk", "xdmf", "mesh", "meshb", "exo", "med", "inp", "dat"])
def test_empty_files_and_random_bytes_are_refused(suffix, tmp_path):
    (tmp_path / f"a.{suffix}").write_bytes(b"")
    with pytest.raises(GeometryError, match="is empty"):
        _ = MeshFile(tmp_path / f"a.{suffix}").mesh
    (tmp_path / f"b.{suffix}").write_bytes(np.random.default_rng(0).bytes(3000))
    with pytest.raises(GeometryError, match="cannot be read"):
        _ = MeshFile(tmp_path / f"b.{suffix}").mesh


def test_cells_of_unknown_kinds_and_none_are_refused(tmp_path):
    refused(tmp_path, np.zeros((18, 3)), [("wedge18", [range(18)])], "holds wedge18 cells")
    refused(tmp_path, SQUARE, [("vertex", [[0]])], "holds no cells")


def test_points_of_no_cell_are_left_out(tmp_path):
    shape = read(tmp_path, [*SQUARE, (np.nan, 5)], [("quad", [[0, 1, 2, 3]])])
    assert shape.notes == ("1 points of the mesh file belong to no cell; they were left out",)
    assert len(shape.mesh.points) == 4
    assert shape.bounds[1].tolist() == [1, 1]


def test_points_that_are_no_numbers_are_refused(tmp_path):
    refused(tmp_path, [(0, 0), (1, 0), (np.nan, 1)], [("triangle", [[0, 1, 2]])], "not finite")
    refused(tmp_path, [(0, 0), (1, 0), (np.inf, 1)], [("triangle", [[0, 1, 2]])], "not finite")


@pytest.mark.parametrize("kind", [k for k, e in ELEMENTS.items() if e.dimension > 1])
def test_inverted_cells_are_turned(kind, tmp_path):
    element = ELEMENTS[kind]
    nodes = np.array(element.nodes, float)
    if element.reference == "collapsed":
        nodes = np.array([*nodes[:4], (0.4, 0.4, 1)])
    mirrored = nodes * np.where(np.arange(element.dimension) == 0, -1, 1)
    shape = read(tmp_path, mirrored, [(kind, [range(len(nodes))])])
    assert shape.notes == (f"1 of 1 cells of kind {kind} were inverted; they were turned",)
    assert shape.measure == pytest.approx(read(tmp_path, nodes, [(kind, [range(len(nodes))])]).measure)
    (block,) = shape.mesh.blocks
    inside = np.full((1, element.dimension), 0.2)
    if not element.simplex:
        assert element.determinants(block.points[block.cells], inside)[0, 0] > 0


def test_folded_and_degenerate_cells_are_refused(tmp_path):
    refused(tmp_path, SQUARE, [("quad", [[0, 2, 1, 3]])], "no measure|fold over")
    refused(tmp_path, [(0, 0), (1, 0), (0.2, 0.2), (0, 1)], [("quad", [[0, 1, 2, 3]])], "fold over")
    refused(tmp_path, [(0, 0), (1, 0), (2, 0)], [("triangle", [[0, 1, 2]])], "no measure")
    refused(tmp_path, SQUARE, [("quad", [[0, 1, 2, 2]])], "twice")
    bent = np.array(ELEMENTS["triangle6"].nodes)
    bent[3] = (0.5, 0.6)
    refused(tmp_path, bent, [("triangle6", [range(6)])], "fold over")


def test_wrong_order_of_nodes_is_refused(tmp_path):
    # The middles of the upper and the upright edges of a hexahedron changed round, as some programs have it.
    nodes = np.array(ELEMENTS["hexahedron20"].nodes, float)
    order = [*range(12), *range(16, 20), *range(12, 16)]
    refused(tmp_path, nodes, [("hexahedron20", [order])], "fold over")
    # Next to each other, two triangles with the same middles in another order.
    points = [*SQUARE, (0.5, 0), (0.9, 0.5), (0.5, 0.5), (0.5, 1), (0, 0.5)]
    cells = [[0, 1, 2, 4, 5, 6], [0, 2, 3, 6, 7, 8]]
    assert read(tmp_path, points, [("triangle6", cells)]).measure == pytest.approx(1 - 2 / 3 * 0.1)
    cells[1][3] = 9
    refused(tmp_path, [*points, (0.52, 0.5)], [("triangle6", cells)], "other middles")


def test_cells_that_are_there_twice_count_once_in_all_their_groups(tmp_path):
    cells = [("triangle", [[0, 1, 2]]), ("triangle", [[0, 1, 2], [0, 2, 3]])]
    shape = read(tmp_path, SQUARE, cells, cell_data={"cell_tags": [np.array([1]), np.array([2, 2])]})
    assert shape.measure == pytest.approx(1)
    assert shape.notes == ("1 cells of kind triangle are in the mesh file twice; they count once",)
    subdomains = {name: rows.tolist() for name, rows in shape.mesh.subdomains.items()}
    assert subdomains == {"tag_1": [0], "tag_2": [0, 1]}


def two_squares(shift):
    """Points and cells of two unit squares side by side that share no points."""
    return np.vstack([SQUARE, SQUARE + np.array([shift, 0])]), [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_unnamed_seams_are_closed_and_slits_kept(tmp_path):
    points, quads = two_squares(1)
    shape = read(tmp_path, points, [("quad", quads)])
    assert shape.notes == ("2 points of the mesh file lie on others; they were made one",)
    assert shape.mesh.facet_measures("rim").sum() == pytest.approx(6)
    lines = [("quad", quads), ("line", [[1, 2], [4, 7]])]
    tags = [np.zeros(2, int), np.array([5, 5])]
    slit = read(tmp_path, points, lines, cell_data={"cell_tags": tags})
    assert slit.mesh.facet_measures("tag_5").sum() == pytest.approx(2)
    assert "slit along 1 pairs" in slit.notes[0]
    half = [("quad", quads), ("line", [[1, 2]])]
    tags = [np.zeros(2, int), np.array([5])]
    refused(tmp_path, points, half, "lie on each other in pairs", cell_data={"cell_tags": tags})


def test_overlapping_cells_are_refused(tmp_path):
    points, quads = two_squares(0.3)
    refused(tmp_path, points, [("quad", quads)], "overlap")
    # A strip folded back over itself along a shared edge.
    refused(tmp_path, [*SQUARE, (0.2, 0), (0.2, 1)], [("quad", [[0, 1, 2, 3], [4, 1, 2, 5]])], "encloses")
    three = [*SQUARE, (2, 0), (2, 1), (0.5, 2)]
    refused(tmp_path, three, [("triangle", [[0, 1, 2], [1, 2, 4], [1, 2, 6]])], "more than two cells")


def test_sides_that_meet_in_part_are_refused(tmp_path):
    points = [*SQUARE, (2, 0), (2, 1), (1, 0.5), (2, 0.5)]
    refused(tmp_path, points, [("quad", [[0, 1, 2, 3], [1, 4, 7, 6], [6, 7, 5, 2]])], "within a side")
    cube = np.array(ELEMENTS["hexahedron"].nodes, float)
    both = [*cube, (2, 0.5, 0.5)]
    tetra = [[1, 2, 6, 8], [1, 5, 6, 8]]
    refused(tmp_path, both, [("hexahedron", [range(8)]), ("tetra", tetra)], "within a side")


def test_surfaces_in_space_are_refused(tmp_path):
    refused(tmp_path, np.eye(3), [("triangle", [[0, 1, 2]])], "surface or curve in space")


def test_groups_that_overlap(tmp_path):
    quads, edges = [[0, 1, 2, 3]], np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
    everything = [("quad", quads), ("line", edges), ("line", edges[:1])]
    tags = [np.array([9]), np.full(4, 1), np.array([2])]
    both = "in group 'tag_1' and in 'tag_2' too"
    refused(tmp_path, SQUARE, everything, both, cell_data={"cell_tags": tags})
    covered = [*everything, ("line", edges[1:])]
    shape = read(tmp_path, SQUARE, covered, cell_data={"cell_tags": [*tags, np.full(3, 3)]})
    assert shape.boundary_names == ("tag_2", "tag_3")
    assert shape.notes == ("group 'tag_1' of the mesh file is addressed as 'tag_2' and 'tag_3'",)


def test_groups_inside_and_elsewhere_are_told(tmp_path):
    points, quads = [*SQUARE, (2, 0), (2, 1)], [[0, 1, 2, 3], [1, 4, 5, 2]]
    lines = [("quad", quads), ("line", [[1, 2], [0, 2], [0, 1]])]
    tags = [np.zeros(2, int), np.array([3, 3, 3])]
    shape = read(tmp_path, points, lines, cell_data={"cell_tags": tags})
    assert shape.mesh.facet_measures("tag_3").sum() == 1
    assert shape.notes == (
        "1 facets in group 'tag_3' of the mesh file are sides of no cell",
        "1 facets in group 'tag_3' of the mesh file lie inside: no boundary",
    )


def test_cells_of_lower_dimension_are_told(tmp_path):
    tetra = np.vstack([np.zeros(3), np.eye(3)])
    shape = read(tmp_path, tetra, [("tetra", [range(4)]), ("line", [[0, 1]])])
    assert shape.notes == ("1 cells of the mesh file are of less dimension than the boundary: no names",)


def test_points_beyond_the_file_are_refused(tmp_path):
    head, cells = gmsh_four(lattice("quad", 1, 0)).decode().split("$Elements")
    (tmp_path / "a.msh").write_text(f"{head}$Elements{cells.replace('4', '44')}")
    with pytest.raises(GeometryError, match=r"cannot be read|not there"):
        _ = MeshFile(tmp_path / "a.msh").mesh


def test_a_stated_measure_is_checked(tmp_path):
    read(tmp_path, SQUARE, [("quad", [[0, 1, 2, 3]])])
    shape = from_mapping({"mesh": {"file": str(tmp_path / "a.vtu"), "measure": 1.0}})
    assert shape.measure == 1
    assert from_mapping(shape.to_mapping()) == shape
    wrong = MeshFile(tmp_path / "a.vtu", stated=1e6)
    with pytest.raises(GeometryError, match="measures 1, and 1e\\+06 is stated"):
        _ = wrong.measure
    with pytest.raises(GeometryError, match="above zero"):
        MeshFile(tmp_path / "a.vtu", stated=-1)


def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    shape = read(tmp_path, SQUARE, [("quad", [[0, 1, 2, 3]])])
    with pytest.raises(GeometryError, match="no boundary piece is named 'inlet'") as caught:
        shape.pieces_of("inlet")
    assert caught.value.expected == "one of rim, or boundary for all"
