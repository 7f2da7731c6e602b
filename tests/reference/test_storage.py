"""The dataset of a finite-element reference: readable by others, and exact."""

from __future__ import annotations

import numpy as np
import pytest
import xarray

from pinnkit.reference import fem_reference
from pinnkit.reference.elements import tabulate

from . import problems as known


def test_plane(tmp_path):
    reference = fem_reference(known.poisson_disk(), tolerance=1e-2)
    reference.to_dataset().to_netcdf(tmp_path / "reference.nc", engine="h5netcdf")
    with xarray.open_dataset(tmp_path / "reference.nc", engine="h5netcdf") as stored:
        assert stored.attrs["Conventions"] == "UGRID-1.0"
        assert stored.mesh.attrs["cf_role"] == "mesh_topology"
        nodes = np.column_stack([stored.x, stored.y])
        np.testing.assert_allclose(stored.u, reference.evaluate(nodes)["u"], atol=1e-12)
        # Coefficients, their numbers and the degree give back the function between the nodes.
        middle = np.full((2, 1), 1 / 3)
        shapes = tabulate(2, int(stored.u_dofs.attrs["degree"]), middle)[:, 0, 0]
        centres = stored.u_dofs.values[stored.u_element_dofs.values] @ shapes
        mesh = reference.solution.product.mesh
        places = mesh.map(np.arange(len(mesh.cells)), middle)[:, 0]
        np.testing.assert_allclose(centres, reference.evaluate(places)["u"], atol=1e-10)
        assert stored.attrs["error_bar_u"] == pytest.approx(reference.error_bar["u"])


def test_line_over_time():
    reference = fem_reference(known.travelling_wave(), tolerance=1e-2)
    dataset = reference.to_dataset()
    assert dataset.w.dims == ("t", "x")
    points = np.column_stack([dataset.x.values, np.full(dataset.sizes["x"], dataset.t.values[40])])
    np.testing.assert_allclose(dataset.w.values[40], reference.evaluate(points)["w"], atol=1e-12)
