"""Files for ParaView read back through meshio."""

import meshio
import numpy as np
import pytest
from meshio.xdmf import TimeSeriesReader

import pinnkit as pk
from pinnkit.solution import Record, Solution


def test_vtu_holds_nodal_values(holed, tmp_path):
    holed.write(tmp_path / "solution.vtu")
    read = meshio.read(tmp_path / "solution.vtu")
    assert read.points.shape[1] == 3
    assert read.cells[0].type == "triangle"
    np.testing.assert_allclose(read.point_data["u"], read.points[:, 0] + 2 * read.points[:, 1])


def test_vtu_of_a_transient_is_its_end(moving, tmp_path):
    moving.write(tmp_path / "solution.vtu")
    read = meshio.read(tmp_path / "solution.vtu")
    np.testing.assert_allclose(read.point_data["u"], read.points[:, 0] + 10)


def test_xdmf_holds_all_times_in_one_file(moving, tmp_path):
    moving.write(tmp_path / "solution.xdmf")
    assert [p.name for p in tmp_path.iterdir()] == ["solution.xdmf"]
    with TimeSeriesReader(tmp_path / "solution.xdmf") as reader:
        points, _ = reader.read_points_cells()
        times = []
        for step in range(reader.num_steps):
            time, values, _ = reader.read_data(step)
            np.testing.assert_allclose(values["u"], points[:, 0] + 10 * time, atol=1e-12)
            times.append(time)
    assert (times[0], times[-1]) == (0.0, 1.0)


def test_line_in_time_names_its_nodes_per_element(heat, tmp_path):
    heat.write(tmp_path / "solution.xdmf")
    assert 'NodesPerElement="2"' in (tmp_path / "solution.xdmf").read_text()


def test_steady_problems_have_no_series(line, tmp_path):
    with pytest.raises(ValueError, match=r"write a steady solution to \.vtu"):
        line.write(tmp_path / "solution.xdmf")
    assert not list(tmp_path.iterdir())


def test_more_than_three_dimensions_are_refused(tmp_path):
    u = pk.unknown("u", *pk.coordinates("a b c d"))
    problem = pk.Problem("four", pk.Box((0,) * 4, (1,) * 4), [-pk.laplacian(u)], [pk.Dirichlet(u, 0)])
    solution = Solution(problem, lambda p: {"u": p[:, 0]}, Record("pinn"))
    with pytest.raises(ValueError, match=r"this problem has 4; write \.nc"):
        solution.write(tmp_path / "solution.vtu")
