"""The command line: exit codes, one clear text on stderr, help that teaches."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest

import pinnkit as pk
from pinnkit import cli

ROD = """\
name: rod
coordinates: [x]
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations: ["-u_xx + u = (pi**2 + 1)*sin(pi*x)"]
conditions: [{dirichlet: {u: 0}, where: boundary}]
exact: {u: "sin(pi*x)"}
solver:
  network: {width: 8, depth: 2}
  points: {interior: 64, pool: 4}
  optimizer: [{adam: 40}, {ssbroyden: 60}]
reference: {exact: {}}
validate: {tolerance: 1.0e-3}
"""


@pytest.fixture
def rod(tmp_path, monkeypatch):
    """A small problem file in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rod.yaml").write_text(ROD)
    return tmp_path / "rod.yaml"


@pytest.fixture
def pinnkit(monkeypatch, capsys):
    """Run the command line here; gives exit code, stdout, stderr."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["pinnkit", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return call


def test_solve_then_validate(pinnkit, rod):
    code, out, _ = pinnkit("solve", "rod.yaml")
    assert code == 0, out
    assert "u passed" in out
    assert "report: runs/rod/report.html" in out
    code, out, _ = pinnkit("validate", "runs/rod")
    assert (code, "u passed" in out) == (0, True)
    between = r"between \S+ and \S+"
    assert re.search(rf"energy error {between} \(relative {between}\), guaranteed$", out, re.M)
    kept = json.loads((rod.parent / "runs" / "rod" / "metrics.json").read_text())["certificate"]
    assert kept["sentence"] in out
    assert "Certified error" in (rod.parent / "runs" / "rod" / "report.html").read_text()
    code, out, _ = pinnkit("validate", "runs/rod", "--against", "fem")
    assert (code, "fem" in out or "u passed" in out) == (0, True)


def test_missed_tolerance_is_code_1(pinnkit, rod):
    code, out, _ = pinnkit("solve", "rod.yaml", "--set", "validate.tolerance=1e-12", "--out", "here", "-q")
    assert code == cli.MISSED
    assert "u missed" in out
    assert (rod.parent / "here" / "report.html").is_file()


def test_failed_training_is_code_3(pinnkit, rod):
    runaway = "solver.optimizer=[{adam: {iterations: 60, learning_rate: 1.0e+300}}]"
    code, out, err = pinnkit("solve", "rod.yaml", "-q", "--set", runaway)
    assert (code, out) == (cli.FAILED, "")
    assert "training failed" in err
    assert "not finite" in err
    assert "the last good state is kept in runs/rod" in err
    assert np.isfinite(pk.load("runs/rod")([[0.5]])).all()


def test_a_reference_that_cannot_be_made_is_code_2_and_writes_nothing(pinnkit, rod):
    text = ROD.replace("-u_xx + u = (pi**2 + 1)*sin(pi*x)", "-u_xx + log(u - 5) = 0")
    rod.write_text(text.replace('exact: {u: "sin(pi*x)"}\n', "").replace("exact: {}", "fem: {}"))
    code, _, err = pinnkit("solve", "rod.yaml", "-q")
    assert code == cli.BAD_INPUT
    assert "mend:" in err
    assert [path.name for path in rod.parent.iterdir()] == ["rod.yaml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["solve", "missing.yaml"], ["cannot read missing.yaml"]),
        (["solve", "rod.yaml", "--solver", "pin"], ["unknown solver 'pin'", "did you mean 'pinn'?"]),
        (["solve", "rod.yaml", "--set", "solver.widht=3"], ["unknown option of solver 'widht'"]),
        (["solve", "rod.yaml", "--set", "solver.optimizer=[adm]"], ["'adm'", "did you mean 'adam'?"]),
        (["solve", "rod.yaml", "--set", "width=3"], ["not an assignment"]),
        (["check", "rod.yaml", "--set", "reference.data=none.csv"], ["fem and data are given"]),
        (["validate", "nowhere"], ["no run directory"]),
        (["solvers", "pin"], ["unknown solver 'pin'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_input_is_code_2_and_writes_nothing(pinnkit, rod, arguments, says):
    if "fem and data" in says[0]:
        rod.write_text(ROD.replace("exact: {}", "fem: {}"))
    code, out, err = pinnkit(*arguments)
    assert (code, out) == (cli.BAD_INPUT, "")
    assert err.startswith("pinnkit: ")
    assert "Traceback" not in err
    for part in says:
        assert part in err
    assert [path.name for path in rod.parent.iterdir()] == ["rod.yaml"]


@pytest.mark.parametrize(
    ("sound", "damaged", "says"),
    [
        ("where: boundary", "where: lft", ["rod.yaml:6", "left, right"]),
        ("-u_xx + u =", "-w_xx + u =", ["rod.yaml:5"]),
        ("width: 8", "widht: 8", ["rod.yaml:9", "did you mean 'width'?"]),
        ("upper: 1", "upper: -1", ["rod.yaml:4"]),
    ],
)
def test_bad_files_name_the_line(pinnkit, rod, sound, damaged, says):
    rod.write_text(ROD.replace(sound, damaged))
    code, _, err = pinnkit("solve", "rod.yaml")
    assert code == cli.BAD_INPUT
    for part in says:
        assert part in err, err
    assert not (rod.parent / "runs").exists()


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ('exact: {u: "log(x - 2)"}', ["rod.yaml:12", "no value at 100% of the domain"]),
        ('exact: {u: "x + z"}', ["rod.yaml:12", "unknown name 'z'"]),
        ('exact: {v: "x"}', ["rod.yaml:12", "v"]),
        ("data: nothing.csv", ["rod.yaml:12", "no such file"]),
        ("data: table.csv", ["rod.yaml:12", "table.csv"]),
        ("fem: {degree: 99}", ["rod.yaml:12", "degree"]),
        ("fem: {degre: 2}", ["rod.yaml:12", "did you mean 'degree'?"]),
        ("fme: {}", ["rod.yaml:12", "did you mean 'fem'?"]),
        ("fem: {}, exact: {}", ["rod.yaml:12", "fem and exact are given"]),
    ],
)
def test_references_that_do_not_fit(pinnkit, rod, reference, says):
    (rod.parent / "table.csv").write_text("x,temperature,pressure\n0,1,1\n1,2,1\n")
    rod.write_text(ROD.replace("exact: {}", reference))
    code, out, err = pinnkit("solve", "rod.yaml")
    assert (code, out) == (cli.BAD_INPUT, "")
    for part in says:
        assert part in err, err
    assert not (rod.parent / "runs").exists()


def test_usage_errors_are_code_2(pinnkit):
    code, _, err = pinnkit("solv", "x.yaml")
    assert code == cli.BAD_INPUT
    assert "solve" in err
    assert pinnkit("solve")[0] == cli.BAD_INPUT


def test_a_defect_keeps_its_traceback_and_has_its_own_code(pinnkit, rod, monkeypatch):
    monkeypatch.setattr("pinnkit.driver.describe", lambda *given: 1 / 0)
    code, _, err = pinnkit("check", "rod.yaml")
    assert code == cli.DEFECT
    assert "ZeroDivisionError" in err


def test_check_describes_the_problem(pinnkit, rod):
    code, out, _ = pinnkit("check", "rod.yaml")
    assert code == 0
    for part in ("rod", "u(x)", "linear", "elliptic", "left, right", "pinn", "sound"):
        assert part in out


def test_check_refuses_to_test_gradients_that_a_solver_has_not(pinnkit, rod):
    code, _, err = pinnkit("check", "rod.yaml", "--gradients")
    assert code == cli.BAD_INPUT
    assert "no gradients of its own" in err
    assert "diffsim" in err


@pytest.mark.parametrize(("slope", "expected"), [(2.01, 0), (1.5, cli.MISSED)])
def test_check_prints_gradient_tests_and_fails_with_them(pinnkit, rod, monkeypatch, slope, expected):
    from pinnkit.simulate.gradients import TaylorTest

    found = (TaylorTest("parameter k", "reverse mode", slope),)
    monkeypatch.setattr("pinnkit.driver.gradient_tests", lambda *given: found)
    code, out, _ = pinnkit("check", "rod.yaml", "--gradients")
    assert code == expected
    assert f"parameter k, reverse mode: slope {slope:.3f}" in out


@pytest.mark.parametrize("form", ["strong", "flux", "weak", "class"])
def test_show(pinnkit, rod, form):
    code, out, err = pinnkit("show", "rod.yaml", "--form", form)
    assert (code, err) == (0, "")
    assert out.strip()


def test_solvers_and_their_options(pinnkit):
    code, out, _ = pinnkit("solvers")
    assert code == 0
    assert "pinn" in out
    code, out, _ = pinnkit("solvers", "pinn")
    assert "network.width: int" in out
    assert "References:" in out


@pytest.mark.parametrize("command", ["solve", "validate", "check", "show", "solvers"])
def test_help_teaches_by_example(pinnkit, command):
    code, out, _ = pinnkit(command, "--help")
    assert code == 0
    assert f"    pinnkit {command}" in out
    assert all(len(line) <= 100 for line in out.splitlines())


@pytest.mark.skipif(os.name != "posix", reason="signals are sent as POSIX has them")
def test_ctrl_c_saves_and_says_how_to_go_on(pinnkit, rod):
    long = ["--set", "solver.optimizer=[{adam: 1000000}]", "--out", "run"]
    command = [sys.executable, "-m", "pinnkit", "solve", "rod.yaml", *long]
    # A background job ignores the signal, and its children inherit that.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    log = rod.parent / "run" / "log.jsonl"
    deadline = time.monotonic() + 200
    while not (log.exists() and log.stat().st_size) and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=100)
    assert process.returncode == cli.INTERRUPTED, err
    assert "--out run --resume" in err
    assert "Traceback" not in err
    assert np.isfinite(pk.load("run")([[0.5]])).all()


FLUX = """\
quantities:
  flux: {integral: "dot(n, grad(u))", over: boundary, tolerance: TOLERANCE}
  mean: {mean: u, over: domain}
"""


def test_quantities_are_printed_and_decide_where_they_have_a_tolerance(pinnkit, rod):
    rod.write_text(ROD + FLUX.replace("TOLERANCE", "1.0e-9"))
    code, out, _ = pinnkit("solve", "rod.yaml")
    assert code == 1, out
    assert "u passed" in out
    assert "quantity flux missed: relative difference" in out
    stored = json.loads((rod.parent / "runs" / "rod" / "metrics.json").read_text())
    assert stored["status"] == "missed"
    flux, mean = stored["quantities"]["flux"], stored["quantities"]["mean"]
    assert flux["reference"] == pytest.approx(-2 * np.pi)
    assert flux["value"] == pytest.approx(-2 * np.pi, rel=1e-2)
    assert (mean["reference"], mean["status"]) == (pytest.approx(2 / np.pi), None)
    assert "Quantities of interest" in (rod.parent / "runs" / "rod" / "report.html").read_text()
    code, out, _ = pinnkit("validate", "runs/rod", "--against", "fem")
    assert code == 1, out
    assert "flux" in out


def test_the_reference_alone(pinnkit, rod):
    rod.write_text(ROD.replace("exact: {}", "fem: {}") + FLUX.replace("TOLERANCE", "0.1"))
    code, out, _ = pinnkit("reference", "rod.yaml", "--out", "there", "--quiet")
    assert code == 0, out
    assert "rod: fem reference" in out
    (flux,) = [line.split() for line in out.splitlines() if line.startswith("flux")]
    value, bar = float(flux[1]), float(flux[2])
    assert abs(value + 2 * np.pi) <= bar + 5e-8  # printed to eight digits
    assert bar < 1e-2
    assert "degree 4 on" in out
    assert (rod.parent / "there" / "reference.nc").is_file()
    assert not (rod.parent / "runs").exists()


@pytest.mark.parametrize("kind", ["exact", "fem"])
def test_a_quantity_without_a_finite_value_is_bad_input_with_its_line(pinnkit, rod, kind):
    text = ROD.replace("reference: {exact: {}}", f"reference: {{{kind}: {{}}}}")
    rod.write_text(text + 'quantities:\n  bad: {value: "sqrt(u - 2)", at: [0.5]}\n')
    code, out, err = pinnkit("reference", "rod.yaml", "--quiet")
    assert (code, out) == (2, "")
    line = 1 + text.count("\n") + 1
    assert f"rod.yaml:{line}: quantity 'bad' is not finite" in err
    assert "mend: check its expression" in err


def test_check_lists_the_quantities(pinnkit, rod):
    rod.write_text(ROD + FLUX.replace("TOLERANCE", "0.1"))
    code, out, _ = pinnkit("check", "rod.yaml")
    assert code == 0
    assert "quantity   flux: integral over 'boundary'" in out
    assert "quantity   mean: mean over the domain" in out
