"""From names and options, as problem files have them, to stages; and complaints with their place."""

from __future__ import annotations

import dataclasses

import pytest

from pinnkit.declare import DeclarationError
from pinnkit.driver import describe
from pinnkit.training import OPTIMISERS, read_schedule
from pinnkit.training.first_order import Adam
from pinnkit.training.quasi_newton import LBFGS, SSBroyden


def test_names_numbers_and_options():
    first, second, third = read_schedule(
        ["ssbroyden", {"adam": 70}, {"lbfgs": {"iterations": 5, "memory": 7}}]
    )
    assert (first.optimiser, first.iterations) == (SSBroyden(), SSBroyden.default_iterations)
    assert (second.optimiser, second.iterations) == (Adam(horizon=70), 70)
    assert (third.optimiser, third.iterations) == (LBFGS(memory=7), 5)


def test_the_learning_rate_falls_over_the_stage_unless_told():
    stages = read_schedule([{"adam": {"iterations": 70, "horizon": 9}}, {"adam": {"learning_rate": 1}}])
    assert [stage.optimiser.horizon for stage in stages] == [9, Adam.default_iterations]
    assert stages[1].optimiser.learning_rate == 1.0


def test_several_in_one_mapping_keep_their_order():
    assert [stage.iterations for stage in read_schedule([{"adam": 1, "lbfgs": 2}, {"adam": 3}])] == [1, 2, 3]


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_optimiser_is_known_by_its_name_and_described(name):
    (stage,) = read_schedule([name])
    assert (stage.optimiser.name, type(stage.optimiser)) == (name, OPTIMISERS[name])
    assert stage.iterations > 0
    assert stage.optimiser.summary
    hash(stage.optimiser)  # it is a static argument of compiled chunks
    defaults = {
        option.name: getattr(stage.optimiser, option.name) for option in dataclasses.fields(stage.optimiser)
    }
    (again,) = read_schedule([{name: {"iterations": stage.iterations, **defaults}}])
    assert again == stage


@pytest.mark.parametrize(
    ("stages", "says"),
    [
        (["adm"], ["unknown optimiser 'adm'", "one of adam, adamw, soap, lbfgs", "did you mean 'adam'?"]),
        ([{"ssbroydn": 10}], ["did you mean 'ssbroyden'?"]),
        (
            [{"adam": {"learning_rat": 1}}],
            ["unknown option of adam 'learning_rat'", "did you mean 'learning_rate'?"],
        ),
        ([{"lbfgs": {"iteration": 1}}], ["did you mean 'iterations'?"]),
        ([{"adam": {"learning_rate": "fast"}}], ["adam: learning_rate: 'fast'", "expected: a valid number"]),
        ([{"adam": {"learning_rate": float("nan")}}], ["adam: learning_rate: nan", "finite"]),
        ([{"lbfgs": {"memory": 1.5}}], ["lbfgs: memory: 1.5", "integer"]),
        ([{"adam": {"iterations": 0}}], ["adam: iterations: 0", "greater than 0"]),
    ],
)
def test_complaints(stages, says):
    with pytest.raises(DeclarationError) as complaint:
        read_schedule(stages)
    for part in says:
        assert part in str(complaint.value)


PROBLEM = """\
coordinates: [x]
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations: ["u_xx = 1"]
conditions: [{dirichlet: {u: 0}}]
solver:
  name: pinn
"""


@pytest.mark.parametrize(
    ("optimizer", "says"),
    [
        ("[adm]", "unknown optimiser 'adm'"),
        ("[{adam: {rate: 1}}]", "unknown option of adam 'rate'"),
        ("[{adam: {clip: no}}]", "adam: clip"),
        ("[{adam: 0}]", "solver.optimizer.0.adam: 0 does not fit\n  expected: greater than 0"),
        ("[{adam: [1]}]", "solver.optimizer.0.adam: [1] does not fit"),
        ("[]", "solver.optimizer: [] does not fit"),
        ("{lbfsg: 30}", "did you mean 'lbfgs'?"),
        ("adm", "did you mean 'adam'?"),
    ],
)
def test_complaints_name_file_and_line(tmp_path, optimizer, says):
    file = tmp_path / "p.yaml"
    file.write_text(f"{PROBLEM}  optimizer: {optimizer}\n")
    with pytest.raises(DeclarationError) as complaint:
        describe(file)
    assert f"{file}:8" in str(complaint.value)
    assert says in str(complaint.value)
