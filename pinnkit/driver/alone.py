"""The reference by itself: for those who want finite elements, or a look at what will judge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .numerics import numerics
from .progress import display
from .references import plan_reference
from .run import read_declaration
from .settings import Assignment, read_settings

if TYPE_CHECKING:
    from ..declare import Problem
    from ..reference import Reference


@dataclass(frozen=True)
class ReferenceOutcome:
    """A reference, and the file it was written to, if any."""

    problem: Problem
    reference: Reference
    file: Path | None = None

    def summary(self) -> str:
        """Error bars, quantities of interest, how it came about and where it lies."""
        from ..validation import aligned, estimate_rows, number

        reference = self.reference
        rows = [("unknown", "relative error", "")]
        # Data of which no error is stated have none that could be told.
        unstated = reference.kind == "data"
        bars = {n: None if unstated and not bar else bar for n, bar in reference.error_bar.items()}
        rows += [(name, number(bars.get(name)), "") for name in reference.names]
        lines = [f"{self.problem.name}: {reference.kind} reference, {reference.seconds:.1f} s", ""]
        lines += aligned(rows)
        if self.problem.quantities:
            lines += ["", *aligned(estimate_rows(self.problem, reference.quantities()))]
        lines += ["", *reference.notes] if reference.notes else []
        if self.file is not None:
            lines += ["", f"reference: {self.file}"]
        return "\n".join(lines)


def make_reference(
    declaration: Problem | str | Path,
    *,
    overrides: Iterable[Assignment] = (),
    out: str | Path | None = None,
    progress: bool = True,
) -> ReferenceOutcome:
    """The reference of a problem or a problem file; with ``out`` written there as ``reference.nc``.

    Raises ``DeclarationError`` for bad input, ``ReferenceUnavailable`` with the reason where there is none.
    """
    from ..solution import write_netcdf

    problem, sections = read_declaration(declaration)
    settings = read_settings(sections.override(overrides))
    plan = plan_reference(problem, settings.sections, settings.validate.tolerance)
    with display(progress) as shown, numerics():
        reference = plan(shown)
    if out is None:
        return ReferenceOutcome(problem, reference)
    file = Path(out) / "reference.nc"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_netcdf(reference.to_dataset(), file)
    return ReferenceOutcome(problem, reference, file)
