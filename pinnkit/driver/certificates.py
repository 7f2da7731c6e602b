"""Certified errors of solutions and of runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..solution import RunDirectory, Solution, StorageError
from .progress import Display, Silent
from .store import load, read_resolved

if TYPE_CHECKING:
    from ..validation.certificate import Certificate, Uncertified


def certify(solution: Solution, seconds: float = 20.0) -> Certificate:
    """Bounds of the energy norm of a solution's error, without a reference, in at most about ``seconds``.

    For steady, linear, symmetric and coercive problems in one unknown, with ∫ A∇u·∇v + c u v and c ≥ 0, and
    solutions that take on their Dirichlet values exactly. Prints as a sentence; ``kind`` says whether the
    interval is guaranteed. Raises ``ReferenceUnavailable`` with the reason for others.
    """
    from ..validation.certificate import certify as bounds

    return bounds(solution, seconds)


def certificate_of(
    directory: str | Path, solution: Solution | None = None, shown: Display | None = None
) -> Certificate | Uncertified | None:
    """Bounds for the run in a directory, written to its metrics and its report; None where it wants none.

    ``solution`` is the run's where it is loaded already.
    """
    from ..validation.certificate import certified

    run = RunDirectory(directory, create=False)
    _, settings = read_resolved(run)
    if settings.validate.certificate is False:
        return None
    shown = shown or Silent()
    found = certified(solution or load(directory), progress=shown.working)
    try:
        record(run, found)
    except StorageError as fault:
        shown.step(f"the certificate is not kept: {fault}")
    return found


def record(run: RunDirectory, certificate: Certificate | Uncertified) -> None:
    """Put a certificate into the metrics and the report of a run, where it has them."""
    from ..report.certificate import put_certificate

    if run.metrics.is_file():
        run.write_metrics({**run.read_metrics(), "certificate": certificate.to_dict()})
    if run.report.is_file():
        put_certificate(run.report, certificate)
