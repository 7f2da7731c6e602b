"""Files of values: MATLAB, VTU and UGRID, axes in any order, and what is told of interpolation."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest
import scipy.io
import sympy as sp

import pinnkit as pk
from pinnkit.geometry.meshing import mesh as shape_mesh
from pinnkit.reference import DataOptions, DataReference, ReferenceUnavailable, data_reference, fem_reference
from pinnkit.reference.data_files import Wanted, read_table
from pinnkit.reference.data_interpolation import Interpolation, interpolation_error
from pinnkit.reference.elements import CELL_EDGES

from . import problems as known
from .problems import UNIT, t, u, w, x, y

CASES = os.environ.get("PINNKIT_CASES")
z = sp.Symbol("z", real=True)
solid = pk.unknown("u", x, y, z)
BOX = pk.Box((0, 0, 0), (1, 1, 1))

STEADY = pk.Problem(
    name="s", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 1)], conditions=[pk.Dirichlet(u, 0)]
)
MOVING = pk.Problem(
    name="m", domain=pk.Interval(-1, 1), equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2))],
    conditions=[pk.Initial(w, 0), pk.Dirichlet(w, 0)],
)  # fmt: skip
SOLID = pk.Problem(
    name="b", domain=BOX, equations=[sp.Eq(-pk.laplacian(solid), 1)], conditions=[pk.Dirichlet(solid, 0)]
)


def smooth(a, b, c=0.0):
    return np.sin(2 * a) * np.exp(b) + c**2


def refused(problem: pk.Problem, path: Path, says: str, **columns: str) -> None:
    with pytest.raises(ReferenceUnavailable, match=says):
        data_reference(problem, DataOptions(path, columns=columns))


class TestMatlab:
    LINE, TIMES = np.linspace(-1, 1, 31), np.linspace(0, 1, 11)
    VALUES = np.sin(LINE)[:, None] * TIMES  # as it is usual: [x, t]

    def write(self, path: Path, version: str, **arrays: np.ndarray) -> Path:
        if version == "5":
            scipy.io.savemat(path, arrays)
            return path
        with h5py.File(path, "w", userblock_size=512) as file:
            for name, array in arrays.items():
                file[name] = np.atleast_2d(array).T
        whole = path.read_bytes()
        path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(512) + whole[512:])
        return path

    @pytest.mark.parametrize("version", ["5", "7.3"])
    def test_both_versions(self, version, tmp_path):
        path = self.write(tmp_path / "a.mat", version, x=self.LINE, tt=self.TIMES, usol=self.VALUES)
        reference = data_reference(MOVING, DataOptions(path, columns={"t": "tt", "w": "usol"}))
        wanted = np.sin(reference.points[:, 0]) * reference.points[:, 1]
        np.testing.assert_allclose(reference.values["w"], wanted, atol=1e-15)

    def test_equally_long_axes_need_their_order(self, tmp_path):
        times = np.linspace(0, 1, 31)
        values = np.sin(self.LINE)[:, None] * times**2
        path = self.write(tmp_path / "a.mat", "5", x=self.LINE, t=times, w=values)
        refused(MOVING, path, r"axes of one length: which is which is not told")
        refused(MOVING, path, r"names other axes", w="w[x, y]")
        reference = data_reference(MOVING, DataOptions(path, columns={"w": "w[x, t]"}))
        wanted = np.sin(reference.points[:, 0]) * reference.points[:, 1] ** 2
        np.testing.assert_allclose(reference.values["w"], wanted, atol=1e-15)

    def test_coordinates_at_every_point_tell_the_order(self, tmp_path):
        """numpy.meshgrid and MATLAB's put y first."""
        a, b = np.meshgrid(np.linspace(0, 1, 12), np.linspace(0, 1, 12))
        path = self.write(tmp_path / "a.mat", "5", x=a, y=b, u=smooth(a, b))
        reference = data_reference(STEADY, DataOptions(path))
        np.testing.assert_array_equal(reference.values["u"], smooth(*reference.points.T))

    def test_flat_values_over_a_grid_need_their_order(self, tmp_path):
        path = self.write(tmp_path / "a.mat", "5", x=self.LINE, t=self.TIMES, w=self.VALUES.ravel())
        refused(MOVING, path, "the order is not told")
        reference = data_reference(MOVING, DataOptions(path, columns={"w": "w[x,t]"}))
        wanted = np.sin(reference.points[:, 0]) * reference.points[:, 1]
        np.testing.assert_allclose(reference.values["w"], wanted, atol=1e-15)

    def test_structures_are_no_values(self, tmp_path):
        path = self.write(tmp_path / "a.mat", "5", x=self.LINE, t=self.TIMES, w={"value": self.VALUES})
        refused(MOVING, path, "no array 'w' among t, x")

    @pytest.mark.parametrize("content", [b"", b"MATLAB 7.3 MAT-file".ljust(600), b"nothing of the kind" * 20])
    def test_damaged(self, content, tmp_path):
        (tmp_path / "a.mat").write_bytes(content)
        refused(MOVING, tmp_path / "a.mat", "cannot be read")


class TestMeshes:
    def vtu(self, path: Path, order: int, shape: pk.Shape = UNIT, size: float = 0.1) -> Path:
        found = shape_mesh(shape, size, order=1)
        points, cells, d = found.points, found.cells, found.dimension
        kind = {2: "triangle", 3: "tetra"}[d]
        if order == 2:
            kind = {2: "triangle6", 3: "tetra10"}[d]
            middles = np.concatenate([points[cells[:, list(pair)]].mean(axis=1) for pair in CELL_EDGES[d]])
            own, number = np.unique(middles.round(12), axis=0, return_inverse=True)
            cells = np.hstack([cells, len(points) + number.reshape(-1, len(cells)).T])
            points = np.vstack([points, own])
        values = smooth(*points.T)
        points = np.pad(points, ((0, 0), (0, 3 - d)))
        meshio.Mesh(points, [(kind, cells)], point_data={"field": values, "v": points}).write(path)
        return path

    @pytest.mark.parametrize(("order", "limit"), [(1, 5e-3), (2, 1e-4)])
    def test_vtu_is_interpolated_by_its_own_shape_functions(self, order, limit, tmp_path):
        path = self.vtu(tmp_path / "a.vtu", order)
        reference = data_reference(STEADY, DataOptions(path, columns={"u": "field"}))
        np.testing.assert_array_equal(reference.evaluate(reference.points)["u"], smooth(*reference.points.T))
        assert reference.weights.sum() == pytest.approx(1)
        places = np.random.default_rng(0).random((3000, 2))
        wanted = smooth(*places.T)
        true = np.linalg.norm(reference.evaluate(places)["u"] - wanted) / np.linalg.norm(wanted)
        assert true < limit
        assert 1 <= reference.interpolation_error["u"] / true <= 15
        # On a cell of first order values are linear along any line.
        if order == 1:
            found = reference._interpolation.table.mesh
            corners = found.mesh.points[found.mesh.cells[0]]
            ends = smooth(*corners.T)
            np.testing.assert_allclose(reference.evaluate(corners.mean(axis=0)[None])["u"], ends.mean())

    def test_vtu_of_a_solid(self, tmp_path):
        path = self.vtu(tmp_path / "a.vtu", 2, BOX, 0.3)
        reference = data_reference(SOLID, DataOptions(path, columns={"u": "field"}))
        places = np.random.default_rng(0).random((500, 3))
        np.testing.assert_allclose(reference.evaluate(places)["u"], smooth(*places.T), atol=2e-2)
        assert reference.weights.sum() == pytest.approx(1)

    def test_quads_and_orphans(self, tmp_path):
        a, b = np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9), indexing="ij")
        points = np.column_stack([a.ravel(), b.ravel(), 0 * a.ravel()])
        corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
        quads = np.stack([corner, corner + 9, corner + 10, corner + 1], axis=1)
        points = np.vstack([points, [0.5, 0.51, 0]])
        content = meshio.Mesh(points, [("quad", quads)], point_data={"u": smooth(*points.T[:2])})
        content.write(tmp_path / "a.vtu")
        reference = data_reference(STEADY, DataOptions(tmp_path / "a.vtu"))
        assert len(reference.points) == 81
        assert any("1 nodes of no cell" in note for note in reference.notes)
        assert any("diagonal" in note for note in reference.notes)

    def test_beyond_the_mesh_there_is_no_value(self, tmp_path):
        path = self.vtu(tmp_path / "a.vtu", 1, pk.Rectangle((0, 0), (0.5, 1)))
        reference = data_reference(STEADY, DataOptions(path, columns={"u": "field"}))
        found = reference.evaluate(np.array([[0.25, 0.5], [0.9, 0.5]]))["u"]
        np.testing.assert_array_equal(np.isnan(found), [False, True])

    def test_what_does_not_fit(self, tmp_path):
        path = self.vtu(tmp_path / "a.vtu", 1)
        refused(STEADY, path, "no point data u among field, v")
        refused(STEADY, path, "v is no scalar", u="v")
        refused(MOVING, path, "holds one moment", w="field")
        whole = path.read_bytes()
        (tmp_path / "b.vtu").write_bytes(whole[: len(whole) // 2])
        refused(STEADY, tmp_path / "b.vtu", "cannot be read", u="field")


class TestOwnFiles:
    @pytest.mark.parametrize(
        "problem", [known.poisson_disk(), known.heat_disk(), known.steep()], ids=lambda p: p.name
    )
    def test_a_written_reference_is_the_same_function(self, problem, tmp_path):
        first = fem_reference(problem, tolerance=1e-2)
        first.to_dataset().to_netcdf(tmp_path / "reference.nc", engine="h5netcdf")
        again = data_reference(problem, DataOptions(tmp_path / "reference.nc"))
        assert again.error_bar == pytest.approx(dict(first.error_bar))
        places = known.scattered(problem, 2000)
        before, after = first.evaluate(places), again.evaluate(places)
        for name in first.names:
            gap = np.linalg.norm(after[name] - before[name]) / np.linalg.norm(before[name])
            assert gap <= max(2 * again.interpolation_error[name], 1e-12)
        if problem.time is None and len(problem.coordinates) > 1:
            assert any("those of the finite elements" in note for note in again.notes)

    def test_a_mesh_of_other_tools(self, tmp_path):
        """UGRID with nodal values alone, counted from one."""
        dataset = fem_reference(known.poisson_square(), tolerance=1e-2).to_dataset()
        plain = dataset[["u", "mesh", "mesh_cells"]]
        plain["mesh_cells"] = plain["mesh_cells"] + 1
        plain["mesh_cells"].attrs = {"cf_role": "face_node_connectivity", "start_index": 1}
        plain.attrs = {}
        plain.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
        reference = data_reference(STEADY, DataOptions(tmp_path / "a.nc", error=1e-3))
        assert reference.error_bar == {"u": 1e-3}
        np.testing.assert_array_equal(reference.values["u"], dataset["u"].values)
        both = np.hypot(1e-3, reference.interpolation_error["u"])
        assert reference.error_elsewhere["u"] == pytest.approx(both)

    def test_truncated(self, tmp_path):
        path = tmp_path / "a.nc"
        fem_reference(known.poisson_square(), tolerance=1e-1).to_dataset().to_netcdf(path, engine="h5netcdf")
        path.write_bytes(path.read_bytes()[:2000])
        refused(STEADY, path, "cannot be read")


def grid(problem: pk.Problem, path: Path, count: int, values) -> DataReference:
    axes = [np.linspace(a, b, count) for a, b in zip(problem.lower, problem.upper, strict=True)]
    places = np.meshgrid(*axes, indexing="ij")
    names = [v.name for v in problem.variables]
    order = ", ".join(names)
    np.savez(path, u=values(*places), **dict(zip(names, axes, strict=True)))
    return data_reference(problem, DataOptions(path, columns={"u": f"u[{order}]"}))


class TestInterpolation:
    PLACES = np.random.default_rng(1).random((4000, 2))

    def true(self, reference, values) -> float:
        wanted = values(*self.PLACES.T)
        found = reference.evaluate(self.PLACES)["u"]
        known_there = np.isfinite(found)
        return float(np.linalg.norm((found - wanted)[known_there]) / np.linalg.norm(wanted[known_there]))

    @pytest.mark.parametrize("count", [9, 17, 33])
    @pytest.mark.parametrize("wave", [3, 9])
    def test_estimates_on_grids_are_honest(self, count, wave, tmp_path):
        def values(a, b):
            return np.sin(wave * a) * np.cos(wave * b)

        reference = grid(STEADY, tmp_path / "a.npz", count, values)
        assert 0.8 <= reference.interpolation_error["u"] / self.true(reference, values) <= 15

    def test_a_kink_on_a_grid(self, tmp_path):
        def values(a, b):
            return np.abs(a - 0.437) + b

        reference = grid(STEADY, tmp_path / "a.npz", 33, values)
        assert 0.8 <= reference.interpolation_error["u"] / self.true(reference, values) <= 5

    @pytest.mark.parametrize("count", [300, 2000])
    def test_estimates_on_clouds_are_honest(self, count, tmp_path):
        cloud = np.random.default_rng(0).random((count, 2))

        def values(a, b):
            return np.sin(5 * a) * np.cos(4 * b)

        np.savez(tmp_path / "a.npz", xy=cloud, u=values(*cloud.T))
        reference = data_reference(STEADY, DataOptions(tmp_path / "a.npz"))
        assert 0.7 <= reference.interpolation_error["u"] / self.true(reference, values) <= 6
        assert any("where nothing is interpolated" in note for note in reference.notes)

    def test_points_of_a_solid(self, tmp_path):
        cloud = np.random.default_rng(0).random((2000, 3))
        np.savez(tmp_path / "a.npz", xyz=cloud, u=smooth(*cloud.T))
        reference = data_reference(SOLID, DataOptions(tmp_path / "a.npz"))
        np.testing.assert_array_equal(reference.evaluate(cloud)["u"], smooth(*cloud.T))
        assert reference.weights.sum() == pytest.approx(0.9, abs=0.1)
        inner = np.random.default_rng(1).uniform(0.2, 0.8, (500, 3))
        np.testing.assert_allclose(reference.evaluate(inner)["u"], smooth(*inner.T), atol=0.1)

    def test_between_times_it_is_cubic(self, tmp_path):
        cloud = np.random.default_rng(0).random((50, 2))
        times = np.linspace(0, 1, 6)
        np.savez(tmp_path / "a.npz", xy=cloud, t=times, u=times[:, None] ** 3 * (1 + cloud[:, 0]))
        table = read_table(Wanted(tmp_path / "a.npz", ["x", "y"], "t", (0, 1), ["u"], {}))
        places = np.column_stack([cloud[:5], [0.0, 0.07, 0.5, 0.93, 1.0]])
        found = Interpolation(table).evaluate("u", places)
        np.testing.assert_allclose(found, places[:, 2] ** 3 * (1 + places[:, 0]), atol=1e-12)
        assert np.isnan(Interpolation(table).evaluate("u", np.array([[0.5, 0.5, 1.1]])))


class TestTimes:
    def test_other_units(self, tmp_path):
        line = np.linspace(-1, 1, 21)
        for scale in (1000.0, 1e-3):
            times = scale * np.linspace(0, 1, 11)
            np.savez(tmp_path / "a.npz", x=line, t=times, w=times[:, None] * line)
            refused(MOVING, tmp_path / "a.npz", "its times run from 0 to")

    def test_times_that_do_not_increase(self, tmp_path):
        line, times = np.linspace(-1, 1, 21), np.array([0, 0.5, 0.25, 1])
        np.savez(tmp_path / "a.npz", x=line, t=times, w=times[:, None] * line)
        refused(MOVING, tmp_path / "a.npz", "time does not increase")

    def test_other_points_at_other_times(self, tmp_path):
        (tmp_path / "a.csv").write_text("x,t,w\n0,0,1\n1,0,1\n0,1,2\n0.5,1,2\n")
        refused(MOVING, tmp_path / "a.csv", "do not all hold the same points")

    def test_times_without_names_are_noted(self, tmp_path):
        line = np.linspace(-1, 1, 21)
        np.savetxt(tmp_path / "a.csv", np.column_stack([line, line, 2 * line, 3 * line]), delimiter=",")
        reference = data_reference(MOVING, DataOptions(tmp_path / "a.csv"))
        assert any("names no times" in note for note in reference.notes)


def test_columns_without_titles_are_told_by_their_numbers(tmp_path):
    line = np.linspace(-1, 1, 21)
    np.savetxt(tmp_path / "a.csv", np.column_stack([0 * line, line, 7 * line]), delimiter=",")
    table = read_table(Wanted(tmp_path / "a.csv", ["x"], None, None, ["u"], {"x": "2", "u": "3"}))
    np.testing.assert_allclose(table.values["u"][0], 7 * table.points[:, 0])
    with pytest.raises(ReferenceUnavailable, match="its columns are called 1, 2, 3; there is no x"):
        read_table(Wanted(tmp_path / "a.csv", ["x"], None, None, ["u"], {"u": "3"}))


@pytest.mark.skipif(CASES is None, reason="PINNKIT_CASES does not name the folder of cases")
def test_the_published_point_cloud_of_three_subdomains():
    path = Path(str(CASES)) / "data/xpinn/XPINN_2D_PoissonEqn.mat"
    columns = {"x": "x_total", "y": "y_total", "u": "u_exact"}
    table = read_table(Wanted(path, ["x", "y"], None, None, ["u"], columns))
    np.testing.assert_allclose(table.values["u"][0], np.exp(table.points).sum(axis=1), rtol=1e-14)
    assert interpolation_error(table, "u") < 1e-4
