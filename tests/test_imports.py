"""Architecture under test: who imports whom, what a start costs, what stays unloaded."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("jax", "jaxlib", "deepxde", "matplotlib", "sympy", "scipy", "skfem", "xarray", "netgen", "meshio")


def test_import_contract():
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["solve", "--help"], ["solvers"], ["solvers", "pinn"], ["--version"]],
    ids=" ".join,
)
def test_loads_nothing_heavy(arguments):
    code = (
        "import sys\n"
        f"sys.argv = ['pinnkit', *{arguments!r}]\n"
        "from pinnkit.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', [name for name in {HEAVY!r} if name in sys.modules])"
    )
    outcome = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert outcome.stdout.splitlines()[-1] == "LOADED []"


@pytest.mark.parametrize("arguments", [["--help"], ["solvers"]], ids=" ".join)
def test_starts_within_half_a_second(arguments):
    def seconds() -> float:
        # The processor's time, not the clock's: what the start costs, however busy the machine is.
        before = os.times()
        subprocess.run([sys.executable, "-m", "pinnkit", *arguments], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


def test_importing_the_package_loads_nothing_heavy():
    code = f"import sys, pinnkit; print([name for name in {HEAVY!r} if name in sys.modules])"
    outcome = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert outcome.stdout.strip() == "[]"
