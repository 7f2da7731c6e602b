"""Every format that is read: names, subdomains and measures survive writing and reading back."""

from __future__ import annotations

import meshio
import numpy as np
import pytest

from pinnkit.geometry import GeometryError, MeshFile
from pinnkit.geometry.mesh import Mesh, MixedMesh

from .lattices import lattice, mixed_cube
from .mesh_writers import exodus, gmsh_four, med, to_meshio

PLANE = ("triangle", "triangle6", "quad", "quad8", "quad9")
SOLID = ("tetra", "tetra10", "hexahedron", "hexahedron20", "hexahedron27")


def example(kind):
    """A unit square or cube of cells of the kind, or a row of four cubes of all kinds."""
    if kind == "mixed":
        return mixed_cube(1)
    from pinnkit.geometry.simplices import simplices

    of = {"triangle": "quad", "triangle6": "quad9", "tetra": "hexahedron", "tetra10": "hexahedron27"}
    return simplices(lattice(of[kind], 2, 1)) if kind in of else lattice(kind, 2, 1)


def bulged(mesh):
    """The mesh in a curved shape, so that a wrong order of nodes shows."""
    def moved(points):
        return points + 0.1 * np.sin(points[:, ::-1] + points[:, :1])

    blocks = [Mesh(moved(b.points), b.cells, b.kind, b.facets, subdomains=b.subdomains) for b in mesh.blocks]
    return blocks[0] if len(blocks) == 1 else MixedMesh(tuple(blocks))


def sizes(mesh):
    """Measures of the boundary under each name and of each subdomain."""
    found = {}
    for block in mesh.blocks:
        for name in block.facets:
            found[name] = found.get(name, 0) + block.facet_measures(name).sum()
        for name, rows in block.subdomains.items():
            found[name] = found.get(name, 0) + block.cell_measures[rows].sum()
    return {name: pytest.approx(size, rel=1e-9) for name, size in found.items()}


def assert_same(shape, mesh, numbers=None):
    """``numbers`` renames what the file holds by number; it calls the rest ``tag_9`` or ``other``."""
    wanted = {(numbers or {}).get(name, name): size for name, size in sizes(mesh).items()}
    rest = ("tag_9", "other")
    found = {name: size.expected for name, size in sizes(shape.mesh).items() if name not in rest}
    assert found == wanted
    assert shape.mesh.measure == pytest.approx(mesh.measure, rel=1e-9)
    assert {b.kind for b in shape.mesh.blocks} == {b.kind for b in mesh.blocks}
    assert len(shape.mesh.points) == len(mesh.points)


def numbers_of(mesh):
    return {name: f"tag_{number}" for name, (number, _) in to_meshio(mesh, "tags").field_data.items()}


@pytest.mark.parametrize("kind", [*PLANE, *SOLID, "mixed"])
@pytest.mark.parametrize("binary", [False, True])
def test_gmsh_22(kind, binary, tmp_path):
    mesh = bulged(example(kind))
    to_meshio(mesh, "gmsh:physical").write(tmp_path / "a.msh", file_format="gmsh22", binary=binary)
    assert_same(MeshFile(tmp_path / "a.msh"), mesh)


@pytest.mark.parametrize("kind", [*PLANE, *SOLID, "mixed"])
@pytest.mark.parametrize("binary", [False, True])
def test_gmsh_41(kind, binary, tmp_path):
    mesh = bulged(example(kind))
    (tmp_path / "a.msh").write_bytes(gmsh_four(mesh, binary))
    assert_same(MeshFile(tmp_path / "a.msh"), mesh)


@pytest.mark.parametrize("kind", [*PLANE, *SOLID, "mixed"])
@pytest.mark.parametrize("classic", [False, True])
def test_exodus(kind, classic, tmp_path):
    mesh = bulged(example(kind))
    exodus(mesh, tmp_path / "a.exo", classic=classic)
    assert_same(MeshFile(tmp_path / "a.exo"), mesh)


def test_exodus_sets_without_names_are_numbered(tmp_path):
    exodus(example("quad"), tmp_path / "a.e", classic=True, names=False)
    shape = MeshFile(tmp_path / "a.e")
    assert shape.boundary_names == ("tag_1", "tag_2")
    assert shape.subdomains == ("tag_10", "tag_11")


@pytest.mark.parametrize("kind", [k for k in (*PLANE, *SOLID, "mixed") if k != "hexahedron27"])
def test_med(kind, tmp_path):
    mesh = bulged(example(kind))
    med(mesh, tmp_path / "a.med")
    assert_same(MeshFile(tmp_path / "a.med"), mesh)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(s, k) for s in ("vtu", "vtk") for k in (*PLANE, *SOLID, "mixed")]
    + [("xdmf", k) for k in ("triangle", "quad", "tetra", "hexahedron", "mixed")],
)
def test_vtk_and_xdmf(suffix, kind, tmp_path):
    mesh = bulged(example(kind))
    to_meshio(mesh, "cell_tags").write(tmp_path / f"a.{suffix}")
    assert_same(MeshFile(tmp_path / f"a.{suffix}"), mesh, numbers_of(mesh))


@pytest.mark.parametrize("kind", ["triangle6", "quad8", "quad9", "tetra10", "hexahedron20"])
def test_xdmf_of_second_order_is_read_without_its_boundary_and_refused_with_it(kind, tmp_path):
    mesh = bulged(example(kind))
    raw = to_meshio(mesh, "cell_tags")
    raw.write(tmp_path / "b.xdmf")
    with pytest.raises(GeometryError, match="among others"):
        _ = MeshFile(tmp_path / "b.xdmf").mesh
    meshio.Mesh(raw.points, raw.cells[:1], cell_data={"cell_tags": raw.cell_data["cell_tags"][:1]}).write(
        tmp_path / "a.xdmf"
    )
    shape = MeshFile(tmp_path / "a.xdmf")
    assert shape.boundary_names == ("rim",)
    assert shape.measure == pytest.approx(mesh.measure, rel=1e-9)


def test_xdmf_may_name_its_groups(tmp_path):
    mesh = example("quad")
    to_meshio(mesh, "cell_tags").write(tmp_path / "a.xdmf")
    names = "".join(
        f'&lt;map key="{name}" dim="{of}"&gt;{number}&lt;/map&gt;'
        for name, (number, of) in to_meshio(mesh, "cell_tags").field_data.items()
    )
    text = (tmp_path / "a.xdmf").read_text()
    named = f'<Information Name="f">&lt;main&gt;{names}&lt;/main&gt;</Information></Grid>'
    (tmp_path / "a.xdmf").write_text(text.replace("</Grid>", named))
    assert_same(MeshFile(tmp_path / "a.xdmf"), mesh)


@pytest.mark.parametrize("suffix", ["vtu", "vtk"])
def test_names_of_cell_sets_are_split_again(suffix, tmp_path, capsys):
    mesh = example("quad")
    facets = mesh.facets
    cells = [("quad", mesh.cells), *(("line", rows) for rows in facets.values())]
    empty = np.zeros(0, int)
    sets = {"fluid": [np.arange(len(mesh.cells)), empty, empty]}
    sets |= {"inlet": [empty, np.arange(len(facets["low"])), empty]}
    sets |= {"wall": [empty, empty, np.arange(len(facets["rest"]))]}
    points = np.column_stack([mesh.points, np.zeros(len(mesh.points))])
    meshio.Mesh(points, cells, cell_sets=sets).write(tmp_path / f"a.{suffix}")
    shape = MeshFile(tmp_path / f"a.{suffix}")
    assert shape.boundary_names == ("inlet", "wall")
    assert shape.subdomains == ("fluid",)


@pytest.mark.parametrize("kind", ["triangle", "quad", "tetra", "hexahedron"])
@pytest.mark.parametrize("suffix", ["mesh", "meshb"])
def test_medit(kind, suffix, tmp_path):
    mesh = bulged(example(kind))
    to_meshio(mesh, "medit:ref").write(tmp_path / f"a.{suffix}")
    assert_same(MeshFile(tmp_path / f"a.{suffix}"), mesh, numbers_of(mesh))


ABAQUS = """*HEADING
a square of two quadrilaterals
*NODE
1, 0, 0
2, 1, 0
3, 2, 0
4, 0, 1
5, 1, 1
6, 2, 1
*ELEMENT, TYPE=CPS4, ELSET=left
1, 1, 2, 5, 4
*ELEMENT, TYPE=CPS4, ELSET=right
2, 2, 3, 6, 5
*NSET, NSET=inlet
1, 4
*NSET, NSET=walls
1, 2, 3, 4, 5, 6
"""


def test_abaqus_names_the_boundary_by_sets_of_points(tmp_path):
    (tmp_path / "a.inp").write_text(ABAQUS)
    shape = MeshFile(tmp_path / "a.inp")
    assert set(shape.boundary_names) == {"inlet", "walls"}
    assert shape.mesh.facet_measures("inlet").sum() == 1
    assert shape.mesh.facet_measures("walls").sum() == 5
    areas = {name: shape.mesh.cell_measures[rows].sum() for name, rows in shape.mesh.subdomains.items()}
    assert areas == {"left": 1, "right": 1}


def test_an_entity_of_gmsh_may_be_in_several_groups(tmp_path):
    mesh = example("quad")
    text = gmsh_four(mesh).decode().replace("$PhysicalNames\n3\n", '$PhysicalNames\n4\n2 77 "all"\n')
    # Both entities of the plane into the group 77 too.
    text = text.replace("1\n3\n0\n", "2\n3 77\n0\n").replace("\n0\n\n0\n", "\n1\n77\n0\n")
    (tmp_path / "a.msh").write_text(text)
    found = MeshFile(tmp_path / "a.msh").mesh
    assert {name: len(rows) for name, rows in found.subdomains.items()} == {"half": 2, "all": 4}
