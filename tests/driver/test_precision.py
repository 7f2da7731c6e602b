"""Runs in float32 and mixed precision: what is kept, what is told, and what is refused."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from ruamel.yaml import YAML

import pinnkit as pk
from pinnkit.declare.errors import DeclarationError
from pinnkit.driver import parse_assignment, run
from pinnkit.driver.numerics import numerics, training_in
from pinnkit.driver.run import read_declaration
from pinnkit.driver.settings import read_settings
from pinnkit.solution import RunDirectory

POINTS = np.linspace(0, 1, 9)[:, None]


def solved(rod, out, precision):
    assignment = parse_assignment(f"solver.precision={precision}")
    return run(rod, overrides=[assignment], out=out, progress=False)


def test_single_precision_is_kept_and_its_floor_is_told(rod, tmp_path):
    given = parse_assignment("solver.optimizer=[{adam: 40}, {ssbroyden: 400}]")
    single = parse_assignment("solver.precision=float32")
    out = run(rod, overrides=[given, single], out=tmp_path / "run", progress=False)
    record, directory = out.solution.record, RunDirectory(tmp_path / "run")
    assert record.precision == "float32"
    assert directory.load_checkpoint().arrays["theta"].dtype == np.float32
    assert YAML(typ="safe").load(directory.problem.read_text())["solver"]["precision"] == "float32"
    kept = pk.load(tmp_path / "run")
    np.testing.assert_array_equal(kept(POINTS), out.solution(POINTS))
    assert kept.record.floor == record.floor
    told = [note for note in out.comparison.notes if "the floor of precision float32" in note]
    # whether training gets there is a matter of rounding; that it is told where it does is not
    low = out.comparison["u"].relative_l2 < 10 * np.finfo(np.float32).eps
    assert len(told) == bool(record.floor) + low
    assert all(note in out.summary() for note in told)
    assert 1e-8 < out.comparison["u"].relative_l2 < 1e-3
    with pytest.raises(Exception, match="precision"):
        run(rod, overrides=[given], out=tmp_path / "run", resume=True, progress=False)


def test_mixed_precision_keeps_parameters_and_losses_in_double(rod):
    problem, sections = read_declaration(rod)
    settings = read_settings(sections.override([parse_assignment("solver.precision=mixed")]))
    with numerics():
        posed = settings.solver.build(problem, settings.options, 0).least_squares
        assert posed.theta.dtype == np.float64
        assert jax.eval_shape(posed.loss, posed.theta).dtype == np.float64
        lines = str(jax.make_jaxpr(posed.loss)(posed.theta)).splitlines()
    units = [line for line in lines if " = tanh " in line]
    assert units
    assert all(":f32[" in line for line in units)


def test_settings_of_training_hold_within_only():
    before = jax.config.values.copy()
    for precision, double in (("float64", True), ("mixed", True), ("float32", False)):
        with numerics():
            with training_in(precision):
                assert jax.config.jax_enable_x64 == double
                assert jax.config.jax_default_matmul_precision == "highest"
            assert jax.config.jax_enable_x64
    assert jax.config.values == before


@pytest.mark.parametrize("given", ["float16", "double", "32"])
def test_other_precisions_are_refused(rod, given):
    _, sections = read_declaration(rod)
    with pytest.raises(DeclarationError, match="float64, float32, mixed") as fault:
        read_settings(sections.override([parse_assignment(f"solver.precision={given}")]))
    assert "solver.precision" in str(fault.value)


def test_an_assignment_without_its_section_is_mended():
    with pytest.raises(DeclarationError, match=r"--set solver\.precision=float32"):
        parse_assignment("precision=float32")
