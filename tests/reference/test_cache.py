"""The cache: the same reference back, damage recomputed, different questions kept apart."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.reference import FemOptions, cache, fem_reference
from pinnkit.reference import fem as engine

from . import problems as known


@pytest.mark.parametrize("problem", [known.poisson_disk(), known.advection()], ids=lambda p: p.name)
def test_the_same_reference_comes_back(problem, tmp_path, monkeypatch):
    first = fem_reference(problem, tolerance=1e-2, cache=tmp_path)
    monkeypatch.setattr(engine, "refine", None)  # a second computation would fail
    again = fem_reference(problem, tolerance=1e-2, cache=tmp_path)
    points = known.scattered(problem, 300)
    before, after = first.evaluate(points), again.evaluate(points)
    for name in first.names:
        np.testing.assert_array_equal(before[name], after[name])
    assert dict(again.error_bar) == dict(first.error_bar)
    assert (again.notes, again.seconds, again.kind) == (first.notes, first.seconds, "fem")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_a_damaged_entry_is_computed_again(damage, tmp_path):
    problem = known.advection()
    first = fem_reference(problem, tolerance=1e-2, cache=tmp_path)
    (entry,) = tmp_path.iterdir()
    whole = entry.read_bytes()
    middle = len(whole) // 2
    entry.write_bytes({
        "cut": whole[:middle], "empty": b"", "text": b"not an archive",
        "flipped": whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :],
    }[damage])  # fmt: skip
    again = fem_reference(problem, tolerance=1e-2, cache=tmp_path)
    points = known.scattered(problem, 100)
    np.testing.assert_array_equal(first.evaluate(points)["w"], again.evaluate(points)["w"])
    assert cache.load(entry) is not None


def test_other_questions_have_other_entries(tmp_path):
    for problem in (known.poisson_disk(), known.poisson_square()):
        for options in (FemOptions(degree=1, max_dofs=5000), FemOptions(degree=2, max_dofs=5000)):
            fem_reference(problem, options, tolerance=1e-1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="disk is full"):
        cache.save(tmp_path / "entry.npz", {"a": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []
