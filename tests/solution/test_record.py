"""Calling a solution, what it refuses, and its record."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pinnkit.solution import Record
from pinnkit.solution.record import package_versions


def test_one_unknown_gives_a_column(line):
    assert line(np.array([[0.0], [1.0], [2.0]])).tolist() == [0.0, 0.5, 0.0]


def test_in_one_variable_a_list_is_many_points(line):
    assert line([0.5, 1.0]).tolist() == [0.375, 0.5]
    assert line(1.0).tolist() == [0.5]


def test_in_several_variables_a_flat_list_is_one_point(plane_flow):
    assert plane_flow([0.5, 0.25]).tolist() == [[0.5, 0.25]]


def test_several_unknowns_stand_in_the_order_of_names(plane_flow):
    assert plane_flow.names == ("u", "v")
    assert plane_flow([[2.0, 1.0]]).tolist() == [[2.0, 1.0]]
    assert set(plane_flow.evaluate([[2.0, 1.0]])) == {"u", "v"}


def test_no_points_give_no_values(line):
    assert line(np.empty((0, 1))).shape == (0,)


def test_many_points_are_evaluated_in_parts(line, monkeypatch):
    monkeypatch.setattr("pinnkit.solution.record._CHUNK", 7)
    points = np.linspace(0, 2, 100)
    np.testing.assert_array_equal(line(points), points * (2 - points) / 2)


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ([[1.0, 2.0, 3.0]], r"shape \(1, 3\), expected \(n, 2\): columns x, t"),
        ([[0.5, np.nan]], "1 of 1 points are not finite, the first in row 0"),
        ([["a", "b"]], r"give rows of \(x, t\)"),
        ([[0.5, 0.0], [1.5, 0.0]], r"1 of 2 points lie outside the domain, the first at \(1.5, 0\)"),
        ([[0.5, 2.5]], r"outside the time interval \[0, 2\]"),
        ([[0.5, -0.1]], "extrapolate=True"),
    ],
)
def test_bad_points_are_refused_with_words(heat, points, words):
    with pytest.raises(ValueError, match=words):
        heat(points)


def test_holes_are_outside(holed):
    with pytest.raises(ValueError, match="outside the domain"):
        holed([[0.0, 0.0]])


def test_extrapolation_on_request_only(line):
    assert line([3.0], extrapolate=True).tolist() == [-1.5]


def test_rounding_on_the_boundary_is_inside(line):
    assert np.isfinite(line([2.0 + 1e-12])).all()


def test_repr_is_short(heat):
    assert repr(heat) == "<Solution of 'heat': u(x, t), a(x) by pinn, finished>"


def test_record_goes_through_json():
    record = Record(
        "pinn",
        options={"optimizer": ("adam", "ssbroyden")},
        seed=3,
        versions={"numpy": "2.0"},
        history={
            "loss": np.array([1.0, np.nan]),
            "stage": np.array(["adam", "ssbroyden"]),
            "iteration": np.arange(2),
        },
        timing={"wall": 1.5},
        parameters={"nu": np.float64(0.1)},
        parameter_count=42,
        notes=("one", "two"),
    )  # fmt: skip
    back = Record.from_dict(json.loads(json.dumps(record.to_dict())))
    assert back.notes == record.notes
    assert back.parameters == {"nu": 0.1}
    np.testing.assert_array_equal(back.history["loss"], record.history["loss"])
    assert back.history["stage"].tolist() == ["adam", "ssbroyden"]
    assert back.history["iteration"].tolist() == [0, 1]
    assert (back.solver, back.seed, back.timing, back.parameter_count) == ("pinn", 3, {"wall": 1.5}, 42)


def test_versions_name_what_determines_a_result():
    assert {"python", "numpy", "jax", "sympy"} <= set(package_versions())


def test_unknown_suffix_names_the_known_ones(line, tmp_path):
    with pytest.raises(ValueError, match=r"\.nc, \.vtu or \.xdmf"):
        line.write(tmp_path / "solution.txt")


class Parabola:
    """u = x(2 − x)/2 with its derivatives."""

    def __call__(self, points):
        return {"u": points[:, 0] * (2 - points[:, 0]) / 2}

    def derivatives(self, points, indices):
        known = {(0,): self(points)["u"], (1,): 1 - points[:, 0], (2,): np.full(len(points), -1.0)}
        return {"u": np.stack([known[index] for index in indices], axis=1)}


def test_derivatives_come_column_by_column(line, monkeypatch):
    monkeypatch.setattr("pinnkit.solution.record._CHUNK", 3)
    solution = replace(line, field=Parabola())
    found = solution.derivatives([0.0, 0.5, 1.0, 1.5], [(1,), [2], (1,), np.array([0])])["u"]
    assert found.tolist() == [[1, -1, 1, 0], [0.5, -1, 0.5, 0.375], [0, -1, 0, 0.5], [-0.5, -1, -0.5, 0.375]]


@pytest.mark.parametrize(
    ("points", "indices", "words"),
    [
        ([3.0], [(1,)], "outside the domain"),
        ([1.0], [(1, 0)], r"\(1, 0\) is no multi-index; expected 1 whole number\(s\) from 0.*by x"),
        ([1.0], [(-1,)], "no multi-index"),
        ([1.0], [(0.5,)], "no multi-index"),
        ([1.0], [1], "no multi-index"),
        ([1.0], [], "no multi-index is given"),
    ],
)
def test_derivatives_refuse_bad_points_and_indices(line, points, indices, words):
    with pytest.raises(ValueError, match=words):
        replace(line, field=Parabola()).derivatives(points, indices)


def test_a_field_without_derivatives_says_so(line):
    with pytest.raises(ValueError, match="gives values only"):
        line.derivatives([1.0], [(1,)])
