"""The cache: the same reference back, damage recomputed, different questions kept apart."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import meshio
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
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
    assert cache.load(entry, dict) is not None


def test_other_questions_have_other_entries(tmp_path):
    for problem in (known.poisson_disk(), known.poisson_square()):
        for options in (FemOptions(degree=1, max_dofs=5000), FemOptions(degree=2, max_dofs=5000)):
            fem_reference(problem, options, tolerance=1e-1, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 4


def test_an_entry_of_other_content_is_computed_again(tmp_path):
    """Whole, with a checksum that fits, but not what is looked for."""
    problem = known.poisson_disk()
    fem_reference(problem, tolerance=1e-1, cache=tmp_path)
    (entry,) = tmp_path.iterdir()
    kept = cache.load(entry, dict)
    for wrong in (
        {"a": np.zeros(3)},
        {**kept, "record": np.array("no record")},
        {**kept, "record": np.array('{"levels": 7}')},
    ):
        cache.save(entry, wrong)
        again = fem_reference(problem, tolerance=1e-1, cache=tmp_path)
        assert np.isfinite(again.evaluate(np.zeros((1, 2)))["u"]).all()
        assert set(cache.load(entry, dict)) == set(kept)


def test_other_versions_and_other_code_have_other_entries(tmp_path, monkeypatch):
    first = cache.entry(tmp_path, "a")
    assert first == cache.entry(tmp_path, "a") != cache.entry(tmp_path, "b")
    with monkeypatch.context() as patch:
        patch.setattr(cache, "version", lambda name: "0.0")
        assert cache.entry(tmp_path, "a") != first
    with monkeypatch.context() as patch:
        patch.setattr(cache, "_ROOMS", ("reference",))
        assert cache.entry(tmp_path, "a") != first


def strip(path: Path, length: float) -> None:
    points = np.array([[0, 0, 0], [length, 0, 0], [length, 1, 0], [0, 1, 0]], float)
    meshio.Mesh(points, [("triangle", np.array([[0, 1, 2], [0, 2, 3]]))]).write(path)


@pytest.mark.parametrize("suffix", [".vtu", ".xdmf"])
def test_a_mesh_file_counts_by_its_content(suffix, tmp_path):
    """The numbers of an .xdmf file lie in another one."""
    path = tmp_path / f"strip{suffix}"

    def reference():
        problem = pk.Problem(
            name="strip", domain=pk.MeshFile(str(path)), conditions=[pk.Dirichlet(known.u, known.x)],
            equations=[sp.Eq(-pk.laplacian(known.u), 0)],
        )  # fmt: skip
        return fem_reference(problem, tolerance=1e-1, cache=tmp_path / "cache")

    strip(path, 1.0)
    assert reference().solution.product.mesh.extent == 1
    strip(path, 2.0)
    assert reference().solution.product.mesh.extent == 2
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_writers_at_once_leave_a_whole_entry(tmp_path):
    path = tmp_path / "reference-x.npz"
    arrays = [{"a": np.full(20_000, k)} for k in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: [cache.save(path, arrays[k % 8]) for _ in range(5)], range(8)))
    found = cache.load(path, dict)["a"]
    assert np.ptp(found) == 0
    assert list(tmp_path.iterdir()) == [path]


def test_the_cache_forgets_what_was_unused_for_longest(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "LARGEST", 100_000)
    places = [tmp_path / f"reference-{k}.npz" for k in range(4)]
    for age, place in enumerate(places[:3]):
        cache.save(place, {"a": np.zeros(4000)})
        os.utime(place, (age, age))
    cache.load(places[0], dict)  # used now
    left_over = tmp_path / ".reference-1-abcd.part.npz"
    left_over.write_bytes(b"half")
    os.utime(left_over, (0, 0))
    cache.save(places[3], {"a": np.zeros(4000)})
    assert sorted(tmp_path.iterdir()) == [places[0], places[2], places[3]]


def test_a_folder_that_cannot_be_written_costs_the_entry_and_not_the_reference(tmp_path):
    (tmp_path / "file").write_text("no folder")
    reference = fem_reference(known.poisson_disk(), tolerance=1e-1, cache=tmp_path / "file" / "cache")
    assert any("not kept for another run" in note for note in reference.notes)


def test_an_interruption_leaves_nothing(tmp_path):
    def interrupt(text: str, part: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fem_reference(known.poisson_disk(), progress=interrupt, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interruption_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def interrupt(stream, **_):
        stream.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache.save(tmp_path / "reference-x.npz", {"a": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []


def test_nothing_half_written_is_left(tmp_path, monkeypatch):
    def fails(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fails)
    with pytest.raises(OSError, match="disk is full"):
        cache.save(tmp_path / "entry.npz", {"a": np.zeros(3)})
    assert list(tmp_path.iterdir()) == []
