"""What optimisers need is told before anything is compiled, with what to use instead."""

from __future__ import annotations

import pytest

from pinnkit.declare import DeclarationError
from pinnkit.training import OPTIMISERS, Stage, memory, read_schedule, train
from pinnkit.training.gauss_newton import LevenbergMarquardt
from pinnkit.training.memory import free_bytes, in_words, require_room

from .problems import rod

GIGABYTES = 10**9


def refusal(stages, parameters, rows, room=20 * GIGABYTES):
    with pytest.raises(DeclarationError) as complaint:
        require_room(read_schedule(stages), parameters, rows, 8, OPTIMISERS, room)
    return str(complaint.value)


def test_a_dense_inverse_hessian_of_many_parameters():
    says = refusal([{"adam": 100}, {"ssbroyden": 100}], 100_000, 10_000)
    assert "stage 2: ssbroyden needs 240 GB for 100,000 parameters and 10,000 residuals" in says
    assert "at most 20 GB" in says
    assert "lbfgs (166 MB)" in says
    assert "soap" in says
    assert "ssbfgs" not in says.split("mend")[1]


def test_the_kernel_form_with_a_million_points():
    says = refusal([{"levenberg_marquardt": {"kernel": True}}], 2_000, 10**6)
    assert "24 TB" in says or "24,0" in says
    assert "levenberg_marquardt (" in says.split("mend")[1]  # its primal form fits
    assert "dsgnar (" in says


def test_what_fits_passes_and_the_smaller_form_is_counted():
    require_room(
        read_schedule(["ssbroyden", "levenberg_marquardt"]), 2_000, 10**6, 8, OPTIMISERS, GIGABYTES * 10
    )
    few, many = (LevenbergMarquardt().bytes_needed(50_000, rows) for rows in (1_000, 20_000))
    assert few < many < 8 * 3 * 50_000**2


def test_the_loop_asks_before_it_starts(monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda: 1_000)
    with pytest.raises(DeclarationError, match="use fewer points or a smaller network"):
        train(rod(), (Stage(LevenbergMarquardt(), 3),), seed=0)


def test_words_and_what_is_free():
    assert [in_words(count) for count in (12, 3_400, 8e12)] == ["12 bytes", "3.4 kB", "8 TB"]
    assert free_bytes() > 10**7
