"""The history that a monitor makes of what training told."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.driver.monitor import Monitor
from pinnkit.driver.progress import display
from pinnkit.training import Progress


def test_weights_and_redraws_stand_in_the_history_where_they_were_told():
    with display(False) as silent:
        monitor = Monitor(lambda fields, points: {}, None, silent, None, lambda: None)
        for iteration, weight in ((2, 10.0), (4, 30.0)):
            told = {"weight_ends": weight, "redraws": iteration / 2}
            monitor(Progress("adam", iteration, 4, 1.0, {"ends": 0.5}, told, 0.1, dict))
    losses = {name: np.arange(1.0, 5.0) for name in ("iteration", "seconds", "loss")}
    history = monitor.history({**losses, "stage": np.zeros(4)}, ["adam"])
    np.testing.assert_array_equal(history["weight_ends"], [np.nan, 10.0, np.nan, 30.0])
    np.testing.assert_array_equal(history["redraws"], [np.nan, 1.0, np.nan, 2.0])
    np.testing.assert_array_equal(history["loss_ends"], [np.nan, 0.5, np.nan, 0.5])


def test_an_interrupt_that_was_lost_is_raised_once_the_chunk_is_noted():
    def raise_it():
        raise KeyboardInterrupt

    with display(False) as silent:
        monitor = Monitor(lambda fields, points: {}, None, silent, None, raise_it)
        with pytest.raises(KeyboardInterrupt):
            monitor(Progress("adam", 1, 4, 1.0, {}, {}, 0.1, dict))
    assert [entry["iteration"] for entry in monitor.entries] == [1]
