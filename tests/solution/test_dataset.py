"""Datasets: what stands under which name, and that files read back."""

import numpy as np
import pytest
import xarray as xr

import pinnkit as pk
from pinnkit.solution import Record, Solution


def reopened(solution, path):
    solution.write(path)
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        return dataset.load()


def test_interval_gives_a_grid(line, tmp_path):
    dataset = reopened(line, tmp_path / "solution.nc")
    assert dataset.u.dims == ("x",)
    np.testing.assert_array_equal(dataset.u, dataset.x * (2 - dataset.x) / 2)
    assert (float(dataset.x[0]), float(dataset.x[-1])) == (0.0, 2.0)


def test_an_unknown_stands_over_its_own_coordinates(heat, tmp_path):
    dataset = reopened(heat, tmp_path / "solution.nc")
    assert dataset.u.dims == ("x", "t")
    assert dataset.a.dims == ("x",)
    np.testing.assert_allclose(dataset.u.sel(x=0.5, t=1.0, method="nearest"), 0.5)


def test_rectangle_gives_every_unknown(plane_flow):
    dataset = plane_flow.to_xarray()
    assert dataset.u.dims == dataset.v.dims == ("x", "y")
    np.testing.assert_array_equal(dataset.v, np.broadcast_to(dataset.y, dataset.v.shape))


def test_attributes_say_where_it_comes_from(line, tmp_path):
    attributes = reopened(line, tmp_path / "solution.nc").attrs
    assert attributes["problem"] == "line"
    assert attributes["solver"] == "pinn"
    assert attributes["seed"] == 7
    assert "Derivative(u(x), (x, 2))" in attributes["equations"]
    assert "lhs - rhs" in attributes["sign_convention"]
    assert attributes["pinnkit_version"]


def test_other_shapes_give_a_ugrid_mesh(holed, tmp_path):
    dataset = reopened(holed, tmp_path / "solution.nc")
    topology = dataset[dataset.u.attrs["mesh"]].attrs
    assert topology["cf_role"] == "mesh_topology"
    assert topology["topology_dimension"] == 2
    x, y = (dataset[name].to_numpy() for name in topology["node_coordinates"].split())
    np.testing.assert_allclose(dataset.u, x + 2 * y)
    triangles = dataset[topology["face_node_connectivity"]]
    assert triangles.attrs["start_index"] == 0
    a, b, c = (np.stack([x[k], y[k]]) for k in triangles.to_numpy().T)
    area = np.abs((b - a)[0] * (c - a)[1] - (c - a)[0] * (b - a)[1]).sum() / 2
    assert area == pytest.approx(4 - np.pi / 4, rel=1e-3)
    assert dataset.attrs["Conventions"] == "CF-1.11 UGRID-1.0"


def test_time_is_a_dimension_of_a_mesh(moving):
    dataset = moving.to_xarray()
    assert dataset.u.dims == ("t", "node")
    np.testing.assert_allclose(dataset.u.isel(t=-1), dataset.x + 10)


def test_an_unknown_may_be_called_as_the_mesh_is():
    x, y = pk.coordinates("x y")
    node, mesh = pk.unknown("node", x, y), pk.unknown("mesh", x, y)
    problem = pk.Problem(
        "names", pk.Disk((0, 0), 1), [-pk.laplacian(node), -pk.laplacian(mesh)],
        [pk.Dirichlet(node, 0), pk.Dirichlet(mesh, 0)],
    )  # fmt: skip
    solution = Solution(problem, lambda p: {"node": p[:, 0], "mesh": p[:, 1]}, Record("pinn"))
    dataset = solution.to_xarray()
    np.testing.assert_allclose(dataset.node, dataset.x)
    assert dataset.node.attrs["mesh"] == "mesh_"


def test_many_dimensions_give_scattered_points():
    names = "a b c d e"
    u = pk.unknown("u", *pk.coordinates(names))
    domain = pk.Box((0,) * 5, (1,) * 5)
    problem = pk.Problem("five", domain, [-pk.laplacian(u)], [pk.Dirichlet(u, 0)])
    dataset = Solution(problem, lambda p: {"u": p.sum(axis=1)}, Record("rfm")).to_xarray()
    assert dataset.u.dims == ("point",)
    np.testing.assert_allclose(dataset.u, sum(dataset[name] for name in names.split()))
