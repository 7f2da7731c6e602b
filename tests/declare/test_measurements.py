"""Observations come out of their files in the problem's order, or with a clear complaint."""

from __future__ import annotations

import numpy as np
import pytest

import pinnkit.declare as pk
from pinnkit.declare.measurements import read_measurements
from pinnkit.geometry import Interval

x = pk.coordinates("x")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, t)


def measured(path, content: str, **options):
    path = path / "sensors.csv"
    path.write_text(content)
    entry = pk.Observations(u, str(path), **options)
    problem = pk.Problem("heat", Interval(0, 2), [u.diff(t) - u.diff(x, 2)], [], [entry])
    return read_measurements(entry, problem)


@pytest.mark.parametrize(
    "content", ["u,t,x\n5,0.5,2\n6,1,0\n", "% u t x\n5 0.5 2\n\n6 1 0\n", "#u , t , x\n5,.5,2\n6,1,0"]
)
def test_columns_come_by_name(content: str, tmp_path) -> None:
    points, values = measured(tmp_path, content)
    np.testing.assert_array_equal(points, [[2, 0.5], [0, 1]])
    np.testing.assert_array_equal(values, [5, 6])


def test_columns_may_have_other_names(tmp_path) -> None:
    columns = {"u": "temperature", "t": "hours"}
    _, values = measured(tmp_path, "x,hours,temperature,flag\n0,0,7,1\n", columns=columns)
    assert values == [7]


FAULTS = {
    "x,t\n0,0\n": "unknown column 'u'",
    "x,t,u\n": "no point",
    "": "unknown column 'x'",
    "x,t,u\n0,0,warm\n": "line 2",
    "x,t,u\n0,0,1\n0,0\n": "line 3",
    "x,t,u\n0,0,nan\n": "line 2",
    "x,t,u\n1,0,1\n3,0,1\n": "1 of 2 points lie outside",
    "x,t,u\n0,2,1\n": "1 of 1 points lie outside",
}


@pytest.mark.parametrize("content", FAULTS)
def test_faults_are_named(content: str, tmp_path) -> None:
    with pytest.raises(pk.DeclarationError) as caught:
        measured(tmp_path, content)
    assert FAULTS[content] in caught.value.what
    assert "sensors.csv" in caught.value.what
    assert caught.value.expected
    assert caught.value.mend


def test_a_missing_file_is_named() -> None:
    entry = pk.Observations(u, "nowhere.csv")
    problem = pk.Problem("heat", Interval(0, 2), [u.diff(t) - u.diff(x, 2)], [], [entry])
    with pytest.raises(pk.DeclarationError, match=r"nowhere\.csv: cannot read"):
        read_measurements(entry, problem)
