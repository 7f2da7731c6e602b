"""What a run shows: a live line on a terminal, few plain ones elsewhere, nothing where nothing is wanted."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver.progress import Silent, Terminal, display
from pinnkit.reference import fem_reference

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
POISSON = pk.manufactured("p", pk.Rectangle((0, 0), (1, 1)), [-pk.laplacian(u)], {u: sp.sin(3 * x) * y})


def test_elsewhere_than_on_a_terminal_each_level_gets_one_line(capsys):
    with Terminal() as shown:
        for level in (1, 2):
            for part in (0.0, 0.3, 0.9):
                shown.working(f"level {level}, {100 * level} unknowns", part)
    assert capsys.readouterr().err.splitlines() == ["level 1, 100 unknowns", "level 2, 200 unknowns"]


def test_a_reference_tells_its_levels(capsys):
    with Terminal() as shown:
        fem_reference(POISSON, tolerance=1e-3, progress=shown.working)
    lines = capsys.readouterr().err.splitlines()
    assert lines
    assert [line.partition(",")[0] for line in lines] == [f"level {k + 1}" for k in range(len(lines))]
    assert all("unknowns" in line for line in lines)


def test_a_terminal_gets_one_line_that_goes_away(monkeypatch, capsys):
    for name, value in (("FORCE_COLOR", "1"), ("TERM", "xterm"), ("COLUMNS", "100")):
        monkeypatch.setenv(name, value)
    with Terminal() as shown:
        if not shown._console.is_terminal:
            pytest.skip("rich takes no terminal on faith here")
        shown.working("level 2, 200 unknowns", 0.5)
        shown._bar.refresh()
    text = capsys.readouterr().err
    assert "level 2, 200 unknowns" in text
    assert text.rstrip().endswith(("\x1b[2K", "\x1b[?25h", "\x1b[0m")) or "\x1b[2K" in text


def test_silence(capsys):
    assert isinstance(display(False), Silent)
    with display(False) as shown:
        fem_reference(POISSON, tolerance=1e-2, progress=shown.working)
    assert capsys.readouterr().err == ""
