"""Several solvers and settings on one problem: each run in a process of its own, from a cold cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from ..solution import write_text
from .contenders import Contender, contenders
from .numerics import cache_folder
from .progress import Display, display
from .references import plan_reference
from .run import read_declaration, require
from .settings import Sections, Settings, read_settings
from .store import resolved_text

if TYPE_CHECKING:
    from ..declare import Problem
    from ..reference import Reference
    from ..report.race import Race, Run

_REFERENCES = "references"
# Tolerances that finite elements are solved to beside the contenders, from coarse to fine.
_FEM_TOLERANCES = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)


def race(
    file: str | Path, solvers: Sequence[str], seeds: Sequence[int], out: str | Path, progress: bool = True
) -> Race:
    """Run every contender with every seed, and write ``comparison.html``, ``.md`` and ``.json`` into ``out``.

    Contenders are the file's section ``compare`` and the named ``solvers``; one whose name is the file's
    own takes the file's settings. Raises ``DeclarationError`` for bad settings before anything runs.
    """
    from ..report.race import Race

    problem, sections = read_declaration(file)
    entered = [(c, _checked(problem, sections, c)) for c in contenders(sections, solvers)]
    folder = Path(out)
    with display(progress) as shown:
        shown.step("the reference")
        tolerance = entered[0][1].validate.tolerance
        reference = plan_reference(problem, sections, tolerance)(shown)  # left in the cache that all runs use
        runs = []
        for contender, settings in entered:
            for seed in seeds:
                shown.step(f"{contender.label}, seed {seed}")
                place = folder / contender.label / f"seed-{seed}"
                runs.append(_run(contender.label, problem, settings, seed, place))
        elements = tuple(_elements(problem, reference, shown))
    bar = max(reference.error_bar.values(), default=0.0)
    result = Race(problem.name, tolerance, tuple(runs), elements, reference.kind, bar, reference.notes)
    _write(folder, result)
    return result


def _checked(problem: Problem, sections: Sections, contender: Contender) -> Settings:
    """A contender's settings, typed, and fitting the problem."""
    others = {k: v for k, v in sections.values.items() if k in ("reference", "validate")}
    settings = read_settings(Sections({**others, "solver": dict(contender.solver)}, sections.place))
    require(settings, problem)
    return settings


@contextmanager
def cold_environment() -> Iterator[dict[str, str]]:
    """Environment variables of a process with nothing compiled yet; references alone are in its cache."""
    with tempfile.TemporaryDirectory(prefix="pinnkit-cold-") as cold:
        known = cache_folder() / _REFERENCES
        known.mkdir(parents=True, exist_ok=True)
        (Path(cold) / _REFERENCES).symlink_to(known.resolve(), target_is_directory=True)
        yield {**os.environ, "PINNKIT_CACHE": cold}


def _run(label: str, problem: Problem, settings: Settings, seed: int, place: Path) -> Run:
    """Solve in a fresh process."""
    from ..report.race import Run

    place.parent.mkdir(parents=True, exist_ok=True)
    declared = place.parent / "problem.yaml"
    write_text(declared, resolved_text(problem, settings))
    command = [
        sys.executable, "-m", "pinnkit", "solve", str(declared), "--seed", str(seed),
        "--out", str(place), "--quiet",
    ]  # fmt: skip
    with cold_environment() as environment:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    metrics = place / "metrics.json"
    if done.returncode not in (0, 1) or not metrics.is_file():
        return Run(label, seed, {}, float("nan"), float("nan"), 0, (), done.stderr.strip() or "stopped")
    found = json.loads(metrics.read_text())
    wall = float(found["timing"]["wall"])
    errors = {name: float(entry["relative_l2"]) for name, entry in found["unknowns"].items()}
    curve = (*_curve(place / "log.jsonl", wall), (wall, max(errors.values())))
    return Run(label, seed, errors, wall, float(found["timing"]["compile"]), found["parameter_count"], curve)


def _curve(log: Path, wall: float) -> list[tuple[float, float]]:
    """(seconds, worst error of the unknowns) while training went on, set-up counted into the seconds."""
    if not log.is_file():
        return []
    events = [json.loads(line) for line in log.read_text().splitlines() if line.strip()]
    events = [event for event in events if event.get("event") == "training"]
    if not events:
        return []
    before = max(wall - float(events[-1]["seconds"]), 0.0)
    return [
        (before + float(event["seconds"]), max(map(float, event["errors"].values())))
        for event in events if event.get("errors")
    ]  # fmt: skip


def _elements(problem: Problem, reference: Reference, shown: Display) -> Iterator[Run]:
    """Finite elements at several tolerances, judged like everybody else; none where they do not apply."""
    from ..forms import FormUnavailable
    from ..reference import ReferenceUnavailable, fem_reference
    from ..report.race import Run
    from ..solution import Record, Solution
    from ..validation import compare

    sizes: set[int] = set()
    for number, tolerance in enumerate((_FEM_TOLERANCES[0], *_FEM_TOLERANCES)):
        shown.step(f"finite elements to {tolerance:g}")
        try:
            found = fem_reference(problem, tolerance=tolerance)
        except (FormUnavailable, ReferenceUnavailable):
            return
        if found.dofs in sizes or number == 0:  # the first loads the libraries
            continue
        sizes.add(found.dofs)
        judged = compare(Solution(problem, found.evaluate, Record("fem")), reference, tolerance)
        errors = {field.name: field.relative_l2 for field in judged.fields}
        point = (found.seconds, max(errors.values()))
        yield Run("finite elements", 0, errors, found.seconds, 0.0, found.dofs, (point,))


def _write(folder: Path, result: Race) -> None:
    from ..report.race import race_html, race_markdown

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "comparison.json", json.dumps(asdict(result), indent=2))
    write_text(folder / "comparison.md", race_markdown(result))
    write_text(folder / "comparison.html", race_html(result))
