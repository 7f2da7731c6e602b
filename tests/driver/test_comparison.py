"""Comparisons: who takes part, what is told of every run, and one that is run."""

from __future__ import annotations

import json

import pytest

import pinnkit as pk
from pinnkit.driver import race
from pinnkit.driver.contenders import contenders
from pinnkit.driver.settings import Sections

ROD = """
name: rod
coordinates: [x]
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations: ["-u_xx = pi**2*sin(pi*x)"]
conditions: [{dirichlet: {u: 0}, where: boundary}]
exact: {u: "sin(pi*x)"}
solver: {name: rfm, features: 40, points: {interior: 100}}
validate: {tolerance: 1.0e-6}
compare:
  - rfm
  - {name: pinn, label: short, network: {width: 6, depth: 1}, points: {interior: 64}, optimizer: [{adam: 20}]}
"""


def entered(values, solvers=()):
    return {c.label: dict(c.solver) for c in contenders(Sections(values), solvers)}


def test_the_files_own_solver_takes_part_with_its_settings_where_nobody_is_named():
    own = {"name": "pinn", "seed": 3, "network": {"width": 9}}
    assert entered({"solver": own}) == {"pinn": {"name": "pinn", "network": {"width": 9}}}
    assert entered({}) == {"pinn": {}}


def test_a_named_solver_takes_the_files_settings_only_where_they_are_its_own():
    own = {"name": "pinn", "network": {"width": 9}}
    assert entered({"solver": own}, ["rfm", "pinn"]) == {"rfm": {"name": "rfm"}, "pinn": own}


def test_variants_have_labels():
    listed = ["rfm", {"name": "pinn", "label": "wide", "network": {"width": 60}}]
    assert entered({"compare": listed}) == {
        "rfm": {"name": "rfm"}, "wide": {"name": "pinn", "network": {"width": 60}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "text"),
    [
        ("pinn", "is no list"),
        ([3], "3 is no solver"),
        (["pinn", "pinn"], "'pinn' is given twice"),
        ([{"name": "pinn", "label": "../x"}], "names no folder"),
    ],
)
def test_bad_entries(listed, text):
    with pytest.raises(pk.DeclarationError, match=text):
        entered({"compare": listed})


def test_bad_settings_of_one_stop_all_before_anything_runs(tmp_path):
    file = tmp_path / "rod.yaml"
    file.write_text(ROD.replace("width: 6", "widht: 6"))
    with pytest.raises(pk.DeclarationError, match="widht"):
        race(file, [], [0], tmp_path / "out", progress=False)
    assert not (tmp_path / "out").exists()


def test_a_comparison_from_end_to_end(tmp_path):
    file, out = tmp_path / "rod.yaml", tmp_path / "out"
    file.write_text(ROD)
    found = race(file, [], [1], out, progress=False)
    by_label = {run.label: run for run in found.runs}
    assert by_label["rfm"].worst < 1e-6
    assert by_label["rfm"].curve[-1] == (by_label["rfm"].seconds, by_label["rfm"].worst)
    assert by_label["short"].worst > 1e-4 or by_label["short"].failure
    assert all(run.worst < 1e-2 for run in found.elements)
    assert json.loads((out / "comparison.json").read_text())["problem"] == "rod"
    assert "| rfm |" in (out / "comparison.md").read_text()
    assert (out / "comparison.html").stat().st_size > 5000
    assert (out / "rfm" / "seed-1" / "report.html").is_file()
