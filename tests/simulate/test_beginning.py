"""A fit begins with what another solution's file says of parameters and fields."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
import xarray as xr

import pinnkit as pk
from pinnkit.simulate.basis import FieldBasis
from pinnkit.simulate.beginning import read_beginning

x = pk.coordinates("x")
t = pk.time("t", 0, 0.2)
u, a = pk.unknown("u", x, t), pk.unknown("a", x, infer=True)


def decay(data, bounds=(0.1, 2.0)):
    k = pk.parameter("k", 1.0, infer=True, bounds=bounds)
    return pk.Problem(
        "decay", pk.Interval(0, 1), [u.diff(t) - k * u.diff(x, 2)],
        [pk.Initial(u, a), pk.Dirichlet(u, 0)], [pk.Observations(u, str(data), 0.001)],
    )  # fmt: skip


def written(folder, k=0.5):
    line = np.linspace(0, 1, 101)
    dataset = xr.Dataset({"a": (("x",), np.sin(np.pi * line))}, {"x": line}, {"parameter_k": k})
    dataset.to_netcdf(folder / "found.nc")
    return str(folder / "found.nc")


def test_parameters_and_fields_of_the_file(tmp_path):
    problem = decay(tmp_path / "none.csv")
    begun = read_beginning(written(tmp_path), problem)
    assert begun.parameters == {"k": 0.5}
    basis = FieldBasis(problem, "a", 8)
    field = basis.on_lines(begun.coefficients(basis).reshape(basis.shape), [np.array([0.2, 0.5])], (0,))
    assert np.asarray(field) == pytest.approx(np.sin(np.pi * np.array([0.2, 0.5])), abs=1e-3)
    assert read_beginning(written(tmp_path, k=7.0), problem).parameters == {"k": 2.0}


def test_what_the_file_lacks_is_named(tmp_path):
    with pytest.raises(pk.DeclarationError, match="is no file"):
        read_beginning(str(tmp_path / "other.nc"), decay(tmp_path / "none.csv"))
    xr.Dataset(attrs={"parameter_k": 0.5}).to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(pk.DeclarationError, match="has no a"):
        read_beginning(str(tmp_path / "bare.nc"), decay(tmp_path / "none.csv"))


def test_a_start_where_nothing_is_fitted_is_refused(tmp_path):
    problem = pk.Problem(
        "decay", pk.Interval(0, 1), [u.diff(t) - u.diff(x, 2)], [pk.Initial(u, 0), pk.Dirichlet(u, 0)]
    )
    with pytest.raises(pk.DeclarationError, match="nothing is fitted"):
        read_beginning(written(tmp_path), problem)


def test_a_fit_from_a_solution_ends_where_others_do(tmp_path):
    k = pk.parameter("k", 1.5, infer=True)
    points = np.random.default_rng(0).uniform((0, 0), (1, 0.2), (60, 2))
    values = np.exp(-0.5 * np.pi**2 * points[:, 1]) * np.sin(np.pi * points[:, 0])
    np.savetxt(tmp_path / "d.csv", np.c_[points, values], delimiter=",", header="x,t,u", comments="")
    problem = pk.Problem(
        "decay", pk.Interval(0, 1), [u.diff(t) - k * u.diff(x, 2)],
        [pk.Initial(u, sp.sin(sp.pi * x)), pk.Dirichlet(u, 0)],
        [pk.Observations(u, str(tmp_path / "d.csv"), 0.001)],
    )  # fmt: skip
    first = pk.solve(problem, solver="diffsim", cells=16, progress=False)
    first.write(tmp_path / "first.nc")
    second = pk.solve(
        problem, solver="diffsim", cells=16, start=str(tmp_path / "first.nc"), progress=False
    )  # fmt: skip
    assert second.record.parameters["k"] == pytest.approx(0.5, rel=1e-3)
    assert second.record.parameters["k"] == pytest.approx(first.record.parameters["k"], rel=1e-6)
