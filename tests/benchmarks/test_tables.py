"""What the benchmarks make of measured figures; nothing is timed here."""

from __future__ import annotations

import json
import math

import pytest

from tests.benchmarks import bench, tables, time_to_error
from tests.benchmarks.time_to_error import Ours, peer, row


def test_a_table_goes_between_its_own_marks(tmp_path):
    page = tmp_path / "page.md"
    marks = ["<!-- a: begin -->", "old", "<!-- a: end -->", "<!-- b: begin -->", "kept", "<!-- b: end -->"]
    page.write_text("\n".join(["head", *marks, "tail"]))
    tables.write(page, "new", "a")
    assert page.read_text().split("\n") == ["head", marks[0], "new", *marks[2:], "tail"]


@pytest.fixture
def kept(tmp_path, monkeypatch):
    def run(precision, cpu, *curve):
        return {
            "precision": precision, "curve": [[t, {"u": e, "v": e / 2, "p": 9.0}] for t, e in curve],
            "seconds": curve[-1][0], "errors": {"u": curve[-1][1], "v": curve[-1][1] / 2, "p": 9.0},
            "threads": 2, "versions": {"deepxde": "1"}, "cpu_seconds": cpu, "settings": "as published",
        }  # fmt: skip

    runs = [
        run("float32", 18.0, (1.0, 0.5), (9.0, 0.2)),
        run("float64", 50.0, (1.0, 0.5), (80.0, 0.1), (120.0, 0.3), (200.0, 0.1)),
    ]
    monkeypatch.setattr(time_to_error, "PEERS", tmp_path)
    text = json.dumps({"date": "today", "machine": "here", "runs": runs})
    (tmp_path / "deepxde_cavity.json").write_text(text)
    return peer("cavity", False, ("float32",), None)


def test_the_better_precision_counts_from_when_it_was_first_as_good_as_at_its_end(kept):
    assert (kept.precision, kept.errors, kept.first, kept.whole) == (
        "float64", {"u": 0.1, "v": 0.05}, 20.0, 50.0,
    )  # fmt: skip


def test_processor_seconds_count_where_the_machine_was_shared_and_none_besides(kept):
    assert kept.whole == kept.cpu == 50.0
    alone = time_to_error.peer_run("cavity", {
        "precision": "float32", "curve": [[4.0, {"u": 0.2, "v": 0.1}]], "seconds": 4.0, "cpu_seconds": 7.0,
        "errors": {"u": 0.2, "v": 0.1}, "threads": 2, "versions": {}, "settings": "",
    }, {"runs": [], "date": "", "machine": ""})  # fmt: skip
    assert (alone.first, alone.whole, alone.cpu) == (4.0, 4.0, 7.0)


def test_the_worst_seed_decides(kept):
    cells, reached = row("cavity", kept, [Ours(0.5, 0.5, 0.09), Ours(1.0, 1.0, 0.09)])
    assert reached
    assert "1/20.0" in cells
    cells, reached = row("cavity", kept, [Ours(1.0, 0.5, 0.09), Ours(math.inf, math.nan, 0.2)])
    assert not reached
    assert "never reached" in cells


def test_arguments_of_parts_go_to_one_part_only(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--", "--case", "steep_line"])
    assert "name one part" in capsys.readouterr().err
