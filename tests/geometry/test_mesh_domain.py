"""A mesh file as the domain of any solver: membership, points, normals, quadrature, regions, booleans."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import Ball, Disk, GeometryError, MeshFile
from pinnkit.geometry.boundary_quadrature import boundary_quadrature
from pinnkit.geometry.meshing import mesh
from pinnkit.geometry.quadrature import domain_quadrature, mesh_quadrature
from pinnkit.geometry.sampling import boundary, interior

from .lattices import lattice
from .mesh_writers import gmsh_four
from .test_mesh_formats import PLANE, SOLID, bulged, example


@pytest.fixture(params=[*PLANE, *SOLID, "mixed"])
def shape(request, tmp_path):
    """A square, a cube or a row of cubes, bent, of cells of one kind or of all."""
    mesh = bulged(example(request.param))
    (tmp_path / "a.msh").write_bytes(gmsh_four(mesh))
    return MeshFile(tmp_path / "a.msh")


def test_points_and_normals(shape):
    inside = interior(shape, 2000)
    assert np.all(shape.contains(inside, 1e-9 if shape.dimension == 3 else 1e-5))
    low, high = shape.bounds
    outside = high + (high - low) * np.random.default_rng(0).random((500, shape.dimension))
    assert not np.any(shape.contains(outside))
    points, normals = boundary(shape, n=4096)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    surface = sum(piece.measure for piece in shape.pieces())
    enclosed = surface * np.mean(np.sum((points - inside.mean(axis=0)) * normals, axis=1)) / shape.dimension
    assert enclosed == pytest.approx(shape.measure, rel=1e-2)
    assert np.mean(shape.contains(points - 0.05 * normals)) > 0.97
    assert np.mean(shape.contains(points + 0.05 * normals)) < 0.03


def test_quadrature(shape):
    def moments(points):
        return points.sum(axis=1) + points[:, 0] * points[:, 1]

    points, weights = mesh_quadrature(shape.mesh, 8)
    wanted = moments(points) @ weights
    for count in (50, 5000):
        points, weights = domain_quadrature(shape, count)
        assert weights.sum() == pytest.approx(shape.measure)
        assert moments(points) @ weights == pytest.approx(wanted, rel=2e-2 if count == 50 else 3e-3)
    points, normals, weights = boundary_quadrature(shape)
    middle = points.mean(axis=0)
    enclosed = np.sum((points - middle) * normals, axis=1) @ weights / shape.dimension
    assert enclosed == pytest.approx(shape.measure, rel=1e-2 if shape.mesh is not shape.simplices else 1e-9)


def test_points_are_uniform_over_cells_of_unlike_sizes(tmp_path):
    points = np.array([(0, 0), (3, 0), (3, 1), (0, 1), (4, 0), (4, 3)], float)
    from pinnkit.geometry.mesh import Mesh, MixedMesh

    quads, triangles = np.array([[0, 1, 2, 3]]), np.array([[1, 4, 2], [2, 4, 5]])
    blocks = (Mesh(points, quads, "quad", {}), Mesh(points, triangles, "triangle", {}))
    (tmp_path / "a.msh").write_bytes(gmsh_four(MixedMesh(blocks)))
    found = interior(MeshFile(tmp_path / "a.msh"), 4096)
    assert np.mean(found[:, 0] < 1.5) == pytest.approx(1.5 / 5, abs=5e-3)
    assert np.mean(found[:, 0] > 3) == pytest.approx(2 / 5, abs=5e-3)


def test_regions(shape):
    assert shape.subdomains
    for number, name in enumerate(shape.regions.names):
        points, weights = mesh_quadrature(shape.simplices, 4)
        members = shape.regions.of_points(points)[:, number]
        cells = shape.simplices.subdomains[name]
        wanted = shape.simplices.cell_measures[cells].sum()
        assert weights[members].sum() == pytest.approx(wanted, rel=1e-9)


def test_booleans_with_a_mesh_file_are_sampled_and_not_meshed(tmp_path):
    (tmp_path / "plane.msh").write_bytes(gmsh_four(lattice("quad", 1)))
    holed = MeshFile(tmp_path / "plane.msh") - Disk((0.5, 0.5), 0.25, name="hole")
    assert set(holed.boundary_names) == {"low", "rest", "hole"}
    assert holed.measure == pytest.approx(1 - np.pi / 16, rel=1e-3)
    points = interior(holed, 500)
    assert np.all(np.linalg.norm(points - 0.5, axis=1) >= 0.25 - 1e-9)
    points, normals = boundary(holed, "hole", 200)
    assert np.sum((points - 0.5) * normals, axis=1) == pytest.approx(-0.25)
    points, normals = boundary(holed, "low", 200)
    assert normals[:, 0] == pytest.approx(-1)
    with pytest.raises(GeometryError, match="a mesh file only by itself"):
        mesh(holed, 0.2)


def test_solid_mesh_files_in_booleans_are_not_meshed(tmp_path):
    (tmp_path / "solid.msh").write_bytes(gmsh_four(lattice("hexahedron", 1)))
    hollow = MeshFile(tmp_path / "solid.msh") - Ball((0.5, 0.5, 0.5), 0.25, name="hole")
    inside = np.random.default_rng(0).random((500, 3))
    assert np.array_equal(hollow.contains(inside), np.linalg.norm(inside - 0.5, axis=1) >= 0.25)
    with pytest.raises(GeometryError, match="MeshFile cannot be part"):
        mesh(hollow, 0.2)


def test_names_of_boundaries_and_subdomains_can_be_changed(tmp_path):
    (tmp_path / "a.msh").write_bytes(gmsh_four(example("quad")))
    shape = MeshFile(tmp_path / "a.msh", names={"low": "inlet", "half": "steel"})
    assert set(shape.boundary_names) == {"inlet", "rest"}
    assert shape.subdomains == ("steel",)
    assert shape.renamed({"rest": "wall"}).subdomains == ("steel",)
    assert shape.named("all").boundary_names == ("all",)
    assert shape.named("all").subdomains == ("steel",)
    with pytest.raises(GeometryError, match="'other'"):
        MeshFile(tmp_path / "a.msh", names={"other": "x"})
