"""Meshes of any cells cut into simplices: measures, conformity, names, curved maps."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry import GeometryError
from pinnkit.geometry.elements import ELEMENTS
from pinnkit.geometry.mesh import Mesh, MixedMesh
from pinnkit.geometry.simplices import simplices

from .lattices import lattice, mixed_cube


def facet_counts(mesh):
    """Facets that belong to one cell, and the most cells that a facet belongs to."""
    corners = mesh.element.corners
    sides = mesh.cells[:, np.array([face[: corners - 1] for face in mesh.element.facets])]
    _, counts = np.unique(np.sort(sides.reshape(-1, corners - 1), axis=1), axis=0, return_counts=True)
    return int(np.sum(counts == 1)), int(counts.max())


@pytest.mark.parametrize("kind", ["quad", "quad8", "quad9", "hexahedron", "hexahedron20", "hexahedron27"])
@pytest.mark.parametrize("seed", [0, 1])
def test_lattices_become_conforming_simplices(kind, seed):
    mesh = lattice(kind, 3, seed)
    cut = simplices(mesh)
    d = mesh.dimension
    assert cut.kind == {2: ("triangle", "triangle6"), 3: ("tetra", "tetra10")}[d][not mesh.element.flat]
    assert cut.measure == pytest.approx(1, rel=1e-13)
    assert facet_counts(cut) == ({2: 12, 3: 108}[d], 2)
    assert cut.facet_measures("low").sum() == pytest.approx(1)
    assert np.all(cut.points[cut.facets["low"], 0] == pytest.approx(0))
    assert cut.cell_measures[cut.subdomains["half"]].sum() == pytest.approx(1 / 3)
    assert np.all(np.diff(cut.cells[:, : cut.element.corners], axis=1) > 0)


def test_kinds_in_one_mesh_agree_on_their_faces():
    for seed in range(4):
        mesh = mixed_cube(seed)
        assert isinstance(mesh, MixedMesh)
        assert {block.kind for block in mesh.blocks} == {"hexahedron", "wedge", "pyramid", "tetra"}
        assert mesh.measure == pytest.approx(4)
        cut = simplices(mesh)
        assert cut.measure == pytest.approx(4)
        # Four unit cubes in a row have 18 square faces.
        assert facet_counts(cut) == (36, 2)
        assert cut.facet_measures("all").sum() == pytest.approx(18)
        assert cut.cell_measures[cut.subdomains["pyramid"]].sum() == pytest.approx(5 / 6)


def bent(mesh, turn):
    """Points of a lattice on the unit square or cube moved into a quarter ring or shell."""
    r, angle = 1 + mesh.points[:, 0], turn * mesh.points[:, 1]
    rest = mesh.points[:, 2:]
    return Mesh(
        np.column_stack([r * np.cos(angle), r * np.sin(angle), rest]), mesh.cells, mesh.kind, mesh.facets,
        subdomains=mesh.subdomains,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["quad8", "quad9", "hexahedron20", "hexahedron27"])
def test_curved_cells_keep_their_region(kind):
    mesh = bent(lattice(kind, 4, 0), np.pi / 2)
    cut = simplices(mesh)
    # The same region: exactly so in the plane, where the rims are the same parabolas.
    assert cut.measure == pytest.approx(mesh.measure, rel=1e-13 if mesh.dimension == 2 else 1e-4)
    assert cut.measure == pytest.approx(np.pi * 3 / 4, rel=1e-4)
    assert cut.facet_measures("low").sum() == pytest.approx(np.pi / 2, rel=1e-4)
    half = cut.cell_measures[cut.subdomains["half"]].sum()
    assert half == pytest.approx(np.pi / 4 * (1.25**2 - 1), rel=1e-3)
    middles = cut.points[cut.facets["low"][:, -1]]
    assert np.linalg.norm(middles[:, :2], axis=1) == pytest.approx(1, abs=1e-3)


def test_a_corner_of_a_straight_angle_is_not_cut_off():
    points = np.array([(0, 0), (1, 0), (2, 0), (1, 1)], float)
    cut = simplices(Mesh(points, np.array([[0, 1, 2, 3]]), "quad", {"all": np.array([[0, 1], [1, 2]])}))
    assert cut.cell_measures == pytest.approx([0.5, 0.5])


def test_simplices_stay_themselves():
    mesh = simplices(lattice("quad", 2, 0))
    assert simplices(mesh) is mesh


def test_warped_cells_and_mixed_orders_are_refused():
    pressed = np.array(ELEMENTS["hexahedron"].nodes, float)
    pressed[6] = (-0.1, 0.1, 0.1)
    with pytest.raises(GeometryError, match="too warped"):
        simplices(Mesh(pressed, np.arange(8)[None], "hexahedron", {}))
    low, high = lattice("quad", 1, 0), lattice("quad9", 1, 0)
    with pytest.raises(GeometryError, match="first and of second order"):
        simplices(MixedMesh((low, high)))
