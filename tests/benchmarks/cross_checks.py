"""The same discrete problems by another finite-element package, forms written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from tests.benchmarks.tables import Gate

_LIMIT = 1e-11


def gates() -> Iterator[Gate]:
    """One gate for each kind of problem; not measured where the package is missing."""
    try:
        from tests.reference.engines import KINDS
    except ImportError:
        yield Gate("Against NGSolve", f"≤ {_LIMIT:.0e}", "not measured: ngsolve is not installed", None)
        return
    for name, solve in KINDS.items():
        difference = solve()
        told = f"Against NGSolve: {name.replace('_', ' ')}"
        yield Gate(told, f"≤ {_LIMIT:.0e}", f"{difference:.1e}", difference <= _LIMIT)
