"""Where a fit begins: the parameters and fields that another solver found, from the file of its solution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from .basis import FieldBasis

_PARAMETER = "parameter_"  # before the names of inferred parameters among a solution's attributes


@dataclass(frozen=True)
class Beginning:
    """Inferred parameters by name, and inferred fields by name with the lines of their grids."""

    parameters: Mapping[str, float]
    fields: Mapping[str, tuple[tuple[np.ndarray, ...], np.ndarray]]

    def coefficients(self, basis: FieldBasis) -> np.ndarray:
        """Those of the splines nearest to the field in the mean square."""
        lines, values = self.fields[basis.name]
        for axis, line in enumerate(lines):
            matrix = basis.matrix(axis, line)
            rows = np.moveaxis(values, axis, 0).reshape(len(line), -1)
            fitted = np.linalg.lstsq(matrix, rows, rcond=None)[0]
            rest = np.delete(values.shape, axis)
            values = np.moveaxis(fitted.reshape(-1, *rest), 0, axis)
        return values.ravel()


def read_beginning(file: str, problem: Problem) -> Beginning:
    """What a solution's NetCDF file (``solution.nc``) says of everything that a problem infers.

    Raises ``DeclarationError`` for a file that cannot be read, or that lacks some of it.
    """
    import xarray as xr

    inferred = problem.inferred or any(p.infer for p in problem.parameters)

    def error(what: str) -> DeclarationError:
        return DeclarationError(
            f"start: {file} {what}", section="start",
            expected="the solution.nc of a run that infers the same from data",
            mend="solve the same problem by another solver, and name the file that it wrote",
        )  # fmt: skip

    if not inferred or problem.objective is not None:
        raise error("is given, but nothing is fitted to data")
    if not Path(file).is_file():
        raise error("is no file")
    try:
        dataset = xr.load_dataset(file)
    except (OSError, ValueError) as fault:
        raise error(f"cannot be read: {fault}") from None
    parameters = {}
    for symbol in (p for p in problem.parameters if p.infer):
        if f"{_PARAMETER}{symbol.name}" not in dataset.attrs:
            raise error(f"has no parameter {symbol.name}")
        low, high = symbol.bounds or (-np.inf, np.inf)
        parameters[symbol.name] = float(np.clip(dataset.attrs[f"{_PARAMETER}{symbol.name}"], low, high))
    fields = {}
    for field in problem.inferred:
        name, own = field.func.__name__, tuple(v.name for v in field.args)
        if name not in dataset or set(dataset[name].dims) != set(own):
            raise error(f"has no {field} on a grid")
        found = dataset[name].transpose(*own)
        fields[name] = (tuple(np.asarray(found[v]) for v in own), np.asarray(found))
    return Beginning(parameters, fields)
