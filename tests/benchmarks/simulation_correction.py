"""A coarse simulation of Burgers' equation corrected by a network, beside what its cost buys elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator

import equinox as eqx
import jax
import numpy as np
import sympy as sp

import pinnkit as pk
from pinnkit.driver.numerics import numerics
from pinnkit.simulate.learning import CorrectionOptions, Draws, Learning
from tests.benchmarks.tables import Gate

CELLS, STEPS, UNROLL = 32, 64, (1, 4, 16)
TRAINED, UNSEEN = 64, 50
MODES = 3
_TIMES_BETTER = 2.0


def problem() -> pk.Problem:
    """u_t + (u²/2)_x = u_xx/100, periodic on [−1, 1], from sums of three sines and cosines."""
    x, t = pk.coordinates("x"), pk.time("t", 0, 1)
    u = pk.unknown("u", x, t)
    waves = [(k, pk.parameter(f"a{k}", 0.5), pk.parameter(f"b{k}", 0.5)) for k in range(1, MODES + 1)]
    start = sp.Add(*(a * sp.sin(sp.pi * k * x) + b * sp.cos(sp.pi * k * x) for k, a, b in waves))
    return pk.Problem(
        "burgers", pk.Interval(-1, 1), [u.diff(t) + sp.diff(u**2 / 2, x) - u.diff(x, 2) / 100],
        [pk.Initial(u, start), pk.Periodic(x)],
    )  # fmt: skip


def draws(seed: int, count: int) -> Draws:
    """Amplitudes, normally distributed, smaller for higher modes."""
    draw = np.random.default_rng(seed)
    names = [(letter, k) for k in range(1, MODES + 1) for letter in "ab"]
    return {f"{letter}{k}": draw.normal(size=count) * 0.6 / np.sqrt(k) for letter, k in names}


def gates() -> Iterator[Gate]:
    """Errors of the corrected simulation and of its baselines on unseen initial states."""
    with numerics():
        learning = Learning(problem(), "finite_volume", CELLS, STEPS, better=("spectral", 6))
        started = time.process_time()
        correction = learning.trained(draws(0, TRAINED), CorrectionOptions(unroll=UNROLL))
        jax.block_until_ready(jax.tree.leaves(eqx.filter(correction, eqx.is_array)))
        spent = time.process_time() - started
        judgement = learning.judged(correction, draws(1, UNSEEN))
    errors = judgement.errors
    times = errors["uncorrected"] / errors["corrected"]
    cost = {name: spent / judgement.seconds["corrected"] for name, spent in judgement.seconds.items()}
    shown = "; ".join(f"{name} {error:.4f} for {cost[name]:.2g} × the time" for name, error in errors.items())
    yield Gate(
        f"Burgers, MUSCL on {CELLS} cells corrected, unrolled {UNROLL[-1]} ({spent:.0f} CPU s to train)",
        f"≥ {_TIMES_BETTER:.0f} × better than MUSCL", f"{times:.1f} ×: {shown}", times >= _TIMES_BETTER,
    )  # fmt: skip
