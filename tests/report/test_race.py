"""The table and figure of a comparison, from runs that are made up."""

from __future__ import annotations

import math

from pinnkit.report.race import Race, Run, race_html, race_markdown, race_rows


def made_up():
    def run(label, seed, error, seconds, curve=()):
        return Run(label, seed, {"u": error}, seconds, 2.0, 100, (*curve, (seconds, error)))

    return Race(
        "made_up", 1e-3,
        (
            run("slow", 0, 5e-4, 50.0, ((20.0, 5e-4), (30.0, 2e-3))), run("slow", 1, 9e-4, 70.0),
            run("slow", 2, 5e-2, 60.0),
            run("<fast>", 0, 1e-6, 4.0, ((1.0, 1e-2), (2.0, 1e-4))),
            Run("<fast>", 1, {}, math.nan, math.nan, 0, (), "boom & bust"),
        ),
        (
            Run("finite elements", 0, {"u": 1e-5}, 0.1, 0.0, 900, ((0.1, 1e-5),)),
            Run("finite elements", 0, {"u": 0.0}, 0.2, 0.0, 3600, ((0.2, 0.0),)),
        ),
        "fem", 1e-7, (),
    )  # fmt: skip


def test_rows():
    slow, fast, elements, itself = race_rows(made_up())
    assert slow[:5] == ("slow", "3", "9.00×10⁻⁴", "0.05", "60 s")
    assert slow[6] == "70 s"  # 50 (above the tolerance in between), 70 and never
    assert fast[:4] == ("<fast> (1 failed)", "2", "not finite", "not finite")
    assert fast[6] == "not reached"
    assert (elements[0], elements[2], elements[5]) == ("finite elements", "10⁻⁵", "–")
    assert itself[2:4] == ("≤ 10⁻⁷, being the reference",) * 2


def test_markdown_says_what_failed():
    text = race_markdown(made_up())
    assert "<fast>, seed 1: boom & bust" in text
    assert text.count("\n| ") == 6


def test_page_escapes_labels_and_shows_the_figure():
    page = race_html(made_up())
    assert "&lt;fast&gt;" in page
    assert "<fast>" not in page
    assert "data:image/svg+xml" in page
