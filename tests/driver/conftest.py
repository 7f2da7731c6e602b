"""A problem file small enough to be solved in a test."""

from __future__ import annotations

from pathlib import Path

import pytest

TEXT = """\
name: rod
coordinates: [x]
unknowns: [u]
domain: {interval: {lower: 0, upper: 1}}
equations: ["-u_xx + u = (pi**2 + 1)*sin(pi*x)"]
conditions:
  - {dirichlet: {u: 0}, where: boundary}
exact: {u: "sin(pi*x)"}
solver:
  network: {width: 8, depth: 2}
  points: {interior: 64, pool: 4}
  optimizer: [{adam: 40}, {ssbroyden: 60}]
  redraw_every: 30
reference: {exact: {}}
validate: {tolerance: 1.0e-3}
"""


@pytest.fixture
def rod(tmp_path: Path) -> Path:
    """The file of a one-dimensional problem, solved well within a hundred iterations."""
    path = tmp_path / "rod.yaml"
    path.write_text(TEXT)
    return path
