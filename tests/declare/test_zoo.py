"""The zoo reads, fits on a screen, and says the same in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
import sympy as sp

import pinnkit.declare as pk

ZOO = Path(__file__).parents[2] / "problems"
FILES = sorted(ZOO.glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_file_reads_and_reads_back(path: Path) -> None:
    declaration = pk.read(path)
    assert declaration.problem.name == path.stem
    assert pk.read_text(declaration.problem.to_yaml()).problem == declaration.problem
    assert set(declaration.settings) == {"solver", "reference", "validate"}
    assert len(path.read_text().splitlines()) <= 30


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.py")), ids=lambda path: path.stem)
def test_python_declarations_equal_the_files(path: Path) -> None:
    text = f"problem: {path.name}:problem\nsolver: {{name: pinn}}\n"
    declaration = pk.read_text(text, "zoo.yaml", ZOO)
    assert declaration.problem == pk.read(path.with_suffix(".yaml")).problem
    assert declaration.settings.to_dict() == {"solver": {"name": "pinn"}}


def test_names_are_complete() -> None:
    cases = {"allen_cahn", "burgers", "kovasznay", "lshape", "poisson_4holes", "poisson_boltzmann", "wave"}
    assert cases <= {path.stem for path in FILES}


def test_kovasznay_at_re_40_has_the_known_decay() -> None:
    problem = pk.read(ZOO / "kovasznay.yaml").problem
    assert problem.unknown_names == ("u", "v", "p")
    (reynolds,) = problem.parameters
    x, y = problem.coordinates
    u = problem.exact["u"].subs({reynolds: 40, x: 1, y: 0})
    # λ = Re/2 − √(Re²/4 + 4π²) = −0.963740544… (Kovasznay 1948)
    assert float(sp.log(1 - u)) == pytest.approx(-0.963740544, rel=1e-9)
