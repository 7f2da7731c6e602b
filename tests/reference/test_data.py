"""References that are files: every format, points of their own, and files that do not fit."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import sympy as sp
import xarray

import pinnkit as pk
from pinnkit.reference import DataOptions, ReferenceUnavailable, data_reference, fem_reference

from . import problems as known
from .problems import UNIT, t, u, v, w, x, y

CASES = os.environ.get("PINNKIT_CASES")


def steady() -> pk.Problem:
    return pk.Problem(
        name="s", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), 1)], conditions=[pk.Dirichlet(u, 0)]
    )


def flow() -> pk.Problem:
    return pk.Problem(
        name="f", domain=UNIT, equations=[sp.Eq(-pk.laplacian(u), v), sp.Eq(-pk.laplacian(v), 1)],
        conditions=[pk.Dirichlet(u, 0), pk.Dirichlet(v, 0)],
    )  # fmt: skip


def moving() -> pk.Problem:
    return pk.Problem(
        name="m", domain=pk.Interval(-1, 1), equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2))],
        conditions=[pk.Initial(w, 0), pk.Dirichlet(w, 0)],
    )  # fmt: skip


def plane_heat() -> pk.Problem:
    field = known.flat
    return pk.Problem(
        name="h", domain=UNIT, equations=[sp.Eq(sp.diff(field, t), pk.laplacian(field))],
        conditions=[pk.Initial(field, 0), pk.Dirichlet(field, 0)],
    )  # fmt: skip


CLOUD = np.random.default_rng(0).random((400, 2))
TIMES = np.linspace(0, 1, 11)
LINE = np.linspace(-1, 1, 41)


def at_points(a, b):
    return np.sin(a) * b


class TestFormats:
    def test_npz_grid_over_time(self, tmp_path):
        values = np.sin(LINE) * TIMES[:, None]
        for name, stored in (("rows", values), ("columns", values.T)):
            np.savez(tmp_path / f"{name}.npz", x=LINE, t=TIMES, w=stored)
            reference = data_reference(moving(), DataOptions(tmp_path / f"{name}.npz", 1e-10))
            assert reference.error_bar == {"w": 1e-10}
            assert reference.points.shape == (41 * 11, 2)
            wanted = np.sin(reference.points[:, 0]) * reference.points[:, 1]
            np.testing.assert_allclose(reference.evaluate(reference.points)["w"], wanted)
            assert reference.weights.sum() == pytest.approx(2)
            elsewhere = np.array([[0.123, 0.456], [-0.9, 0.05]])
            interpolated = reference.evaluate(elsewhere)["w"]
            np.testing.assert_allclose(interpolated, np.sin(elsewhere[:, 0]) * elsewhere[:, 1], atol=1e-5)

    def test_npz_cloud(self, tmp_path):
        np.savez(tmp_path / "c.npz", xy=CLOUD, u=at_points(*CLOUD.T))
        reference = data_reference(steady(), DataOptions(tmp_path / "c.npz"))
        np.testing.assert_allclose(reference.evaluate(CLOUD)["u"], at_points(*CLOUD.T))
        assert 0.9 < reference.weights.sum() <= 1
        assert reference.evaluate(np.array([[0.5, 0.5]]))["u"] == pytest.approx(np.sin(0.5) / 2, abs=1e-3)
        assert any("no error is stated" in note for note in reference.notes)

    def test_npz_cloud_over_time(self, tmp_path):
        values = at_points(*CLOUD.T) * TIMES[:, None]
        np.savez(tmp_path / "c.npz", xy=CLOUD, t=TIMES, u=values)
        reference = data_reference(plane_heat(), DataOptions(tmp_path / "c.npz"))
        assert reference.points.shape == (400 * 11, 3)
        np.testing.assert_array_equal(reference.values["u"], values.ravel())
        found = reference.evaluate(np.array([[0.5, 0.5, 0.55], [0.4, 0.6, 0.1]]))["u"]
        np.testing.assert_allclose(found, [np.sin(0.5) * 0.5 * 0.55, np.sin(0.4) * 0.06], atol=1e-3)
        assert reference.to_dataset()["u"].dims == ("t", "point")

    def test_comsol_text(self, tmp_path):
        """Columns named in the last line of the header, blanks and units in them."""
        header = "% Model: m.mph\n% Nodes: 400\n% X                       Y                        u (1)\n"
        with open(tmp_path / "c.dat", "w") as stream:
            stream.write(header)
            np.savetxt(stream, np.column_stack([CLOUD, at_points(*CLOUD.T)]))
        reference = data_reference(steady(), DataOptions(tmp_path / "c.dat"))
        np.testing.assert_allclose(reference.evaluate(CLOUD)["u"], at_points(*CLOUD.T))

    def test_comsol_text_of_a_system_over_time(self, tmp_path):
        """Columns run over times first, components interleaved."""
        a, b = pk.unknown("a", x, y, t), pk.unknown("b", x, y, t)
        problem = pk.Problem(
            name="ab", domain=UNIT,
            equations=[sp.Eq(sp.diff(a, t), pk.laplacian(a)), sp.Eq(sp.diff(b, t), pk.laplacian(b))],
            conditions=[c(f, 0) for f in (a, b) for c in (pk.Initial, pk.Dirichlet)],
        )  # fmt: skip
        first = at_points(*CLOUD.T)
        table = [CLOUD]
        titles = ["x", "y"]
        for moment in (0.0, 0.25, 1.0):
            table += [(first * moment)[:, None], (first + moment)[:, None]]
            titles += [f"a (1) @ t={moment:g}", f"b (1) @ t={moment:g}"]
        with open(tmp_path / "c.dat", "w") as stream:
            stream.write("% made by hand\n% " + "   ".join(titles) + "\n")
            np.savetxt(stream, np.hstack(table))
        reference = data_reference(problem, DataOptions(tmp_path / "c.dat"))
        np.testing.assert_array_equal(np.unique(reference.points[:, 2]), [0, 0.25, 1])
        np.testing.assert_allclose(reference.values["a"].reshape(3, -1)[1], first / 4)
        np.testing.assert_allclose(reference.values["b"].reshape(3, -1)[2], first + 1)

    @pytest.mark.parametrize("header", ["x,y,u\n", ""])
    def test_csv(self, header, tmp_path):
        rows = np.column_stack([CLOUD, at_points(*CLOUD.T)])
        body = "\n".join(",".join(map(repr, row.tolist())) for row in rows)
        (tmp_path / "c.csv").write_text(header + body)
        reference = data_reference(steady(), DataOptions(tmp_path / "c.csv"))
        np.testing.assert_array_equal(reference.values["u"], at_points(*CLOUD.T))

    def test_csv_with_one_row_for_each_point_and_time(self, tmp_path):
        rows = [(a, b, np.sin(a) * b) for a in LINE for b in TIMES]
        text = "x,t,w\n" + "\n".join(f"{a!r},{b!r},{c!r}" for a, b, c in rows)
        (tmp_path / "c.csv").write_text(text.replace("np.float64(", "").replace(")", ""))
        reference = data_reference(moving(), DataOptions(tmp_path / "c.csv"))
        wanted = np.sin(reference.points[:, 0]) * reference.points[:, 1]
        np.testing.assert_allclose(reference.values["w"], wanted)

    def test_columns_are_mapped(self, tmp_path):
        np.savez(tmp_path / "c.npz", X=CLOUD[:, 0], Y=CLOUD[:, 1], temperature=at_points(*CLOUD.T))
        options = DataOptions(tmp_path / "c.npz", columns={"x": "X", "y": "Y", "u": "temperature"})
        reference = data_reference(steady(), options)
        np.testing.assert_array_equal(reference.values["u"], at_points(*CLOUD.T))

    def test_netcdf_whatever_the_order_of_its_dimensions(self, tmp_path):
        values = np.sin(LINE) * TIMES[:, None]
        whole = xarray.Dataset({"w": (("t", "x"), values)}, {"x": LINE, "t": TIMES})
        for name, dataset in (("a", whole), ("b", whole.transpose("x", "t"))):
            dataset.to_netcdf(tmp_path / f"{name}.nc", engine="h5netcdf")
            reference = data_reference(moving(), DataOptions(tmp_path / f"{name}.nc"))
            np.testing.assert_array_equal(reference.values["w"], values.ravel())

    def test_written_and_read_again(self, tmp_path):
        values = np.sin(LINE) * TIMES[:, None]
        np.savez(tmp_path / "a.npz", x=LINE, t=TIMES, w=values)
        data_reference(moving(), DataOptions(tmp_path / "a.npz")).to_dataset().to_netcdf(
            tmp_path / "a.nc", engine="h5netcdf"
        )
        again = data_reference(moving(), DataOptions(tmp_path / "a.nc"))
        np.testing.assert_array_equal(again.values["w"], values.ravel())


class TestWhatDoesNotFit:
    def refused(self, path: Path, says: str, problem: pk.Problem | None = None) -> None:
        with pytest.raises(ReferenceUnavailable, match=says):
            data_reference(problem or steady(), DataOptions(path))

    def test_missing_file(self, tmp_path):
        self.refused(tmp_path / "nowhere.npz", "no such file")

    def test_unknown_kind(self, tmp_path):
        (tmp_path / "a.docx").write_text("x")
        self.refused(tmp_path / "a.docx", "unknown kind of data '.docx'")

    def test_damaged_archive(self, tmp_path):
        np.savez(tmp_path / "a.npz", xy=CLOUD, u=CLOUD[:, 0])
        whole = (tmp_path / "a.npz").read_bytes()
        (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
        self.refused(tmp_path / "a.npz", "cannot be read")

    def test_pickles_are_not_loaded(self, tmp_path):
        np.savez(tmp_path / "a.npz", xy=CLOUD, u=np.array([{"a": 1}] * 400, dtype=object))
        self.refused(tmp_path / "a.npz", "cannot be read")

    def test_missing_column(self, tmp_path):
        np.savez(tmp_path / "a.npz", xy=CLOUD, other=CLOUD[:, 0])
        self.refused(tmp_path / "a.npz", "no array 'u' among other, xy")

    def test_wrong_length(self, tmp_path):
        np.savez(tmp_path / "a.npz", xy=CLOUD, u=CLOUD[:-1, 0])
        self.refused(tmp_path / "a.npz", "u has 399 values for 400 points")

    def test_nan(self, tmp_path):
        values = CLOUD[:, 0].copy()
        values[7] = np.nan
        np.savez(tmp_path / "a.npz", xy=CLOUD, u=values)
        self.refused(tmp_path / "a.npz", "u holds 1 values that are not finite")

    def test_other_domain(self, tmp_path):
        np.savez(tmp_path / "a.npz", xy=CLOUD + 5, u=CLOUD[:, 0])
        self.refused(tmp_path / "a.npz", "400 of 400 points lie outside the domain")

    def test_wrong_number_of_columns(self, tmp_path):
        np.savetxt(tmp_path / "a.csv", np.zeros((5, 2)), delimiter=",")
        self.refused(tmp_path / "a.csv", "2 columns where 2 coordinates and 1 values are expected")

    def test_ragged_rows(self, tmp_path):
        (tmp_path / "a.csv").write_text("0.1,0.2,0.3\n0.1,0.2\n")
        self.refused(tmp_path / "a.csv", "equally many numbers")

    def test_empty(self, tmp_path):
        (tmp_path / "a.csv").write_text("")
        self.refused(tmp_path / "a.csv", "no rows of numbers")


@pytest.mark.skipif(CASES is None, reason="PINNKIT_CASES does not name the folder of cases")
class TestPublishedFiles:
    def test_poisson_with_holes(self):
        domain = pk.Rectangle((-0.5, -0.5), (0.5, 0.5), name="outer")
        for a in (-0.3, 0.3):
            for b in (-0.3, 0.3):
                domain = domain - pk.Disk((a, b), 0.1, name="hole")
        conditions = [pk.Dirichlet(u, 1, where="outer"), pk.Dirichlet(u, 0, where="hole")]
        problem = pk.Problem(
            name="p", domain=domain, equations=[sp.Eq(pk.laplacian(u), 0)], conditions=conditions
        )
        data = data_reference(problem, DataOptions(Path(CASES) / "data/pinnacle/poisson1_cg_data.dat", 1e-4))
        assert data.weights.sum() == pytest.approx(domain.measure, rel=2e-2)
        found = fem_reference(problem).evaluate(data.points)["u"]
        gap = np.sqrt(data.weights @ (found - data.values["u"]) ** 2 / (data.weights @ data.values["u"] ** 2))
        assert gap <= 5e-4

    def test_cavity(self):
        p = pk.unknown("p", x, y)
        names = (u, v, p)
        conditions = [pk.Dirichlet(f, 0) for f in names]
        problem = pk.Problem(
            name="c", domain=UNIT, conditions=conditions,
            equations=[sp.Eq(-pk.laplacian(f), 0) for f in names],
        )  # fmt: skip
        data = data_reference(problem, DataOptions(Path(CASES) / "data/pinnacle/lid_driven_a4.dat"))
        assert set(data.names) == {"u", "v", "p"}
        lid = data.points[:, 1] == 1
        speed = 4 * data.points[lid, 0] * (1 - data.points[lid, 0])
        np.testing.assert_allclose(data.values["u"][lid], speed, atol=5e-4)


def test_titles_that_name_other_columns_are_refused_and_not_taken_by_position(tmp_path):
    path = tmp_path / "sensors.csv"
    path.write_text("y,x,temperature\n0.1,0.2,3.0\n0.3,0.4,5.0\n")
    with pytest.raises(ReferenceUnavailable, match=r"columns are called y, x, temperature; there is no u"):
        data_reference(steady(), DataOptions(path))
    named = data_reference(steady(), DataOptions(path, columns={"u": "temperature"}))
    np.testing.assert_allclose(named.points, [[0.2, 0.1], [0.4, 0.3]])
