"""Typed settings: every complaint says where, what would do, and guesses what was meant."""

from __future__ import annotations

import pytest

from pinnkit.declare import DeclarationError, read_text
from pinnkit.driver.settings import Sections, parse_assignment, read_settings

PROBLEM = """\
coordinates: [x]
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations: ["u_xx = 1"]
conditions: [{dirichlet: {u: 0}}]
"""


def settings(text, *assignments):
    sections = Sections.of(read_text(PROBLEM + text, "p.yaml").settings)
    return read_settings(sections.override(map(parse_assignment, assignments)))


def test_defaults():
    found = settings("")
    assert (found.solver.name, found.seed, found.validate.tolerance) == ("pinn", 0, 1e-2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("solver: {nam: pinn}", ["p.yaml:6", "'nam'"]),
        ("solver: {name: pin}", ["p.yaml:6", "'pin'", "did you mean 'pinn'?"]),
        ("solver:\n  network:\n    widht: 3", ["p.yaml:8", "option of solver.network", "mean 'width'?"]),
        ("solver:\n  network: {width: wide}", ["p.yaml:7", "'wide'", "valid integer"]),
        ("solver:\n  network: {width: 0}", ["p.yaml:7", "greater than 0"]),
        ("solver:\n  network: 3", ["p.yaml:7", "a mapping with kind, width"]),
        ("solver: {network: {activation: tan}}", ["p.yaml:6", "'tan'", "tanh, sin, swish", "'tanh'"]),
        ("solver: {seed: -1}", ["p.yaml:6", "solver.seed"]),
        ("solver: {seed: 1.5}", ["p.yaml:6", "integer"]),
        ("solver: pinn", ["p.yaml:6", "solver"]),
        ("validate: {tolerance: 0}", ["p.yaml:6", "greater than 0"]),
        ("validate: {tolerance: .nan}", ["p.yaml:6", "finite"]),
        ("validate: {tolerence: 1}", ["p.yaml:6", "did you mean 'tolerance'?"]),
    ],
)
def test_complaints_from_files(text, says):
    with pytest.raises(DeclarationError) as complaint:
        settings(text)
    for part in says:
        assert part in str(complaint.value)


def test_assignments_are_typed_and_merged():
    found = settings(
        "solver: {network: {width: 10, depth: 2}}",
        "solver.network.width=12", "solver.conditions=soft", "solver.optimizer=[lbfgs]",
        "validate.tolerance=1e-4", "solver.seed=7",
    )  # fmt: skip
    assert (found.options.network.width, found.options.network.depth) == (12, 2)
    assert found.options.conditions == "soft"
    assert found.options.optimizer == ["lbfgs"]
    assert (found.validate.tolerance, found.seed) == (1e-4, 7)


@pytest.mark.parametrize(
    ("assignment", "says"),
    [
        ("solver.network.width", "not an assignment"),
        ("width=3", "--set solver.network.width=40"),
        ("network.width=3", "did you mean solver.network.width?"),
        ("slover.seed=3", "did you mean 'solver'?"),
        ("solver.seed=a: b: c", "no YAML value"),
        ("solver..seed=3", "not an assignment"),
    ],
)
def test_complaints_about_assignments(assignment, says):
    with pytest.raises(DeclarationError, match="--set") as complaint:
        settings("", assignment)
    assert says in str(complaint.value)


def test_a_fault_in_an_assignment_is_not_blamed_on_the_file():
    with pytest.raises(DeclarationError) as complaint:
        settings("solver: {network: {width: 10}}", "solver.network.width=x")
    assert "p.yaml" not in str(complaint.value)


def test_resolved_settings_read_back():
    found = settings("solver: {network: {width: 10}}", "validate.tolerance=1e-4")
    again = read_settings(Sections(found.to_mapping()))
    assert again.to_mapping() == found.to_mapping()


def test_another_solver_takes_its_own_defaults_and_says_so():
    file = "solver: {name: pinn, seed: 3, network: {width: 9}, points: {interior: 50}}"
    found = settings(file, "solver.name=rfm", "solver.features=30")
    assert (found.solver.name, found.seed, found.options.features) == ("rfm", 3, 30)
    assert found.options.points == settings("solver: {name: rfm}").options.points
    (note,) = found.sections.notes
    assert note.startswith("rfm has its own defaults")
    assert "pinn (network, points)" in note
    same = settings(file, "solver.name=pinn", "solver.network.depth=2")
    assert (same.options.network.width, same.options.network.depth, same.sections.notes) == (9, 2, ())
