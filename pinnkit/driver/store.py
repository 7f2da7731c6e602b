"""Between a trained solver's fields and what is kept of them: callables, arrays, the run directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from ruamel.yaml import YAML

from ..solution import Field, Index, Record, RunDirectory, RunDirectoryError, Solution, write_text
from ..solvers import DirectSolver, Formulation, TrainedSolver
from .numerics import precise
from .settings import Sections, Settings, read_settings

if TYPE_CHECKING:
    from ..declare import Problem
    from ..reference import Reference
    from ..validation import Comparison

_LARGEST, _SMALLEST = 2**13, 2**8  # points evaluated in one call: memory, and compilations for each size
_HISTORY = "record_"


class TrainedField:
    """A function of fields and points, compiled, at any number of points.

    They are padded to powers of two, so that few programs are compiled.
    """

    def __init__(self, function: Callable[..., Mapping[str, Any]]):
        import equinox as eqx

        self._evaluate = eqx.filter_jit(function)

    def __call__(self, fields: Any, points: np.ndarray, *choice: Any) -> dict[str, np.ndarray]:
        """Values (n, …) by name at points (n, d); ``choice`` is handed on, and compiled in."""
        import jax.numpy as jnp

        parts: list[dict[str, np.ndarray]] = []
        with precise():
            for start in range(0, max(len(points), 1), _LARGEST):
                part = points[start : start + _LARGEST]
                padded = np.zeros((max(_SMALLEST, 1 << (len(part) - 1).bit_length()), points.shape[1]))
                padded[: len(part)] = part
                values = self._evaluate(fields, jnp.asarray(padded), *choice)
                parts.append({name: np.asarray(value)[: len(part)] for name, value in values.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def bind(self, fields: Any) -> Field:
        """The function of points alone."""
        return lambda points: self(fields, points)


class SolvedField:
    """What a trained solver's unknowns are: values, derivatives by the network's own pass, and fluxes that
    were solved for.
    """

    def __init__(self, formulation: Formulation, fields: Any, values: TrainedField | None = None):
        self._values = (values or TrainedField(formulation.evaluate)).bind(fields)
        self._derivatives, self._fields = TrainedField(formulation.derivatives), fields
        self.division = formulation.division
        self._fluxes = None if formulation.fluxes is None else TrainedField(formulation.fluxes).bind(fields)

    def __call__(self, points: np.ndarray) -> Mapping[str, np.ndarray]:
        """Values (n,) by unknown at points (n, d)."""
        return self._values(points)

    def derivatives(self, points: np.ndarray, indices: tuple[Index, ...]) -> Mapping[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown at points (n, d)."""
        return self._derivatives(self._fields, points, indices)

    def fluxes(self, points: np.ndarray) -> Mapping[str, np.ndarray] | None:
        """Fluxes (n, d) by equation at points (n, d); None where the solver has no unknowns for them."""
        return None if self._fluxes is None else self._fluxes(points)


class Keeper:
    """The training loop's ``save``: writes checkpoints, and knows the last one.

    Of several processes one ``writes``; the others only read what to go on from.
    """

    def __init__(self, directory: RunDirectory | None, writes: bool = True):
        self._directory, self._writes = directory, writes
        self._arrays: dict[str, np.ndarray] = {}
        self._metadata: dict[str, Any] = {}
        self.earlier_seconds = 0.0

    @property
    def iterations(self) -> int:
        """How many iterations the last state has behind it."""
        return len(self._arrays.get("history_loss", ()))

    def take_up(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """The last whole checkpoint of an earlier run, None where there is none."""
        checkpoint = self._directory.load_checkpoint() if self._directory is not None else None
        if checkpoint is None:
            return None
        self._arrays, self._metadata = checkpoint.arrays, checkpoint.metadata
        self.earlier_seconds = float(checkpoint.metadata.get("seconds", 0.0))
        return self._arrays, self._metadata

    def __call__(self, arrays: dict[str, np.ndarray], metadata: dict[str, Any]) -> None:
        """Keep a state from which training goes on."""
        self._arrays, self._metadata = arrays, metadata
        if self._directory is not None and self._writes:
            self._directory.save_checkpoint(arrays, metadata)

    def finish(self, record: Record) -> None:
        """Keep the record beside the last state, which marks the run as ended."""
        if self._directory is not None and self._writes:
            save(self._directory, self._arrays, self._metadata, record)


def save(
    directory: RunDirectory, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any], record: Record
) -> None:
    """Keep a final state with its record; the history's columns and the cells stand among the arrays."""
    history = {f"{_HISTORY}{name}": column for name, column in record.history.items()}
    directory.save_checkpoint(
        {**arrays, **history}, {**metadata, "record": {**record.to_dict(), "history": {}, "cells": {}}}
    )


@contextmanager
def claimed(path: Path, problem: Problem, settings: Settings, resume: bool) -> Iterator[RunDirectory]:
    """The run directory, for this process alone, emptied of an earlier run unless that is resumed.

    Raises ``RunDirectoryError`` rather than overwrite a run that was interrupted, or resume one that was
    started otherwise.
    """
    directory = RunDirectory(path)
    with directory.locked():
        if not resume:
            if _interrupted(directory):
                raise RunDirectoryError(
                    f"{path} holds an interrupted run; go on with --resume, name another folder with --out, "
                    "or delete it"
                )
            directory.clear()
        elif directory.problem.is_file():
            _check_same(directory, problem, settings)
        write_text(directory.problem, resolved_text(problem, settings))
        yield directory


def _interrupted(directory: RunDirectory) -> bool:
    """Whether there is a state to go on from that no later record has ended."""
    try:
        checkpoint = directory.load_checkpoint()
    except RunDirectoryError:  # every checkpoint is damaged: nothing to lose
        return False
    return checkpoint is not None and "record" not in checkpoint.metadata


def resolved_text(problem: Problem, settings: Settings) -> str:
    """The problem file that repeats a run: the declaration and every setting, defaults included."""
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(settings.to_mapping(), stream)
    return f"{problem.to_yaml().rstrip()}\n{stream.getvalue()}"


def _check_same(directory: RunDirectory, problem: Problem, settings: Settings) -> None:
    other, others = read_resolved(directory)
    there, here = others.to_mapping()["solver"], settings.to_mapping()["solver"]
    changed = [
        f"solver.{key} ({there.get(key)} there, {value} here)"
        for key, value in here.items() if there.get(key) != value
    ]
    if other.digest != problem.digest:
        changed.insert(0, "the problem")
    if changed:
        raise RunDirectoryError(
            f"{directory.path} cannot be resumed, it was started otherwise: {'; '.join(changed)}. "
            "Start without --resume in another folder, or with what it was started with"
        )


def write_outcome(
    directory: RunDirectory,
    solution: Solution,
    reference: Reference,
    tolerance: float,
    residual: Field | None,
) -> Comparison:
    """Judge the solution, and write it, the reference, the figures of merit and the report."""
    from ..report import write_report
    from ..solution import write_netcdf
    from ..validation import compare

    solution.write(directory.solution)
    if len(solution.problem.coordinates) <= 3:
        solution.write(directory.mesh)
        if solution.problem.time is not None:
            solution.write(directory.series)
    write_netcdf(reference.to_dataset(), directory.reference)
    comparison = compare(solution, reference, tolerance)
    arrays = ("history", "cells")
    record = {key: value for key, value in solution.record.to_dict().items() if key not in arrays}
    judged = comparison.to_dict()
    judged["notes"] = [*judged["notes"], *record.pop("notes"), *reference.notes]
    record["training"] = record.pop("status")
    directory.write_metrics({"problem": solution.problem.name, **judged, **record})
    write_report(directory.report, solution.problem, solution, reference, comparison, residual)
    return comparison


def load(path: str | Path) -> Solution:
    """The solution that a run directory holds, exactly as it was; of an interrupted run, its last state.

    Rebuilt from ``problem.resolved.yaml`` and stored arrays; no code of the run is executed.
    Raises ``RunDirectoryError`` where there is nothing to load.
    """
    directory = RunDirectory(path, create=False)
    problem, settings = read_resolved(directory)
    checkpoint = directory.load_checkpoint()
    if checkpoint is None:
        raise RunDirectoryError(f"nothing was saved in {directory.path} yet; start the run again")
    arrays = checkpoint.arrays
    record = record_of(arrays, checkpoint.metadata, settings)
    if isinstance(settings.solver, DirectSolver):
        field = settings.solver.restore(problem, settings.options, arrays)
        return Solution(problem, field, record)
    assert isinstance(settings.solver, TrainedSolver)
    with precise():
        import jax.numpy as jnp

        from ..forms.scale import scale
        from ..training import LeastSquares

        formulation = settings.solver.formulate(
            scale(problem, settings.scales), settings.options, settings.seed
        )
        fields = LeastSquares(formulation.fields, ()).with_theta(jnp.asarray(arrays["theta"]))
    return Solution(problem, SolvedField(formulation, fields), record)


def record_of(arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any], settings: Settings) -> Record:
    """The record kept with a final state, or a short one for a state kept midway."""
    if "record" not in metadata:
        return Record(
            solver=settings.solver.name, options=settings.options.model_dump(mode="json"), seed=settings.seed,
            status="interrupted",
        )  # fmt: skip
    history = {
        name.removeprefix(_HISTORY): column for name, column in arrays.items() if name.startswith(_HISTORY)
    }
    from ..training.checkpoint import refinement_in

    return Record.from_dict({**metadata["record"], "history": history, "cells": refinement_in(arrays)})


def read_resolved(directory: RunDirectory) -> tuple[Problem, Settings]:
    """The declaration and the settings that a run was made with."""
    from ..declare import read

    declaration = read(directory.problem)
    return declaration.problem, read_settings(Sections.of(declaration.settings))
