"""The gates of the certified error: bounds beside the true error of exact solutions that were perturbed."""

from __future__ import annotations

from collections.abc import Iterator

from pinnkit.validation.certificate import certify
from tests.benchmarks.tables import Gate
from tests.validation.perturbed import everything

_SIZES = (1e-2, 1e-6)


def gates() -> Iterator[Gate]:
    """One gate for each problem and frequency, at its worst over small and large errors."""
    for case in everything():
        lower, upper = [], []
        for size in _SIZES:
            found = certify(case.solution(size))
            lower.append(found.lower / (size * case.norm))
            upper.append(found.upper / (size * case.norm))
        reached = min(lower) >= 0.95 and max(lower) <= 1 and min(upper) >= 1 and max(upper) <= 1.5
        yield Gate(
            f"Certified error: {case.name}", "lower/true ≥ 0.95, 1 ≤ upper/true ≤ 1.5",
            f"{min(lower):.4f}, {min(upper):.4f} to {max(upper):.4f}", reached,
        )  # fmt: skip
