"""Solution: a field that is called on points, and the record of how it came about."""

from __future__ import annotations

import operator
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..declare.problem import Problem
from ..geometry.division import Division
from .run_directory import plain

if TYPE_CHECKING:
    import xarray as xr

Field = Callable[[np.ndarray], Mapping[str, np.ndarray]]
Index = tuple[int, ...]  # orders of differentiation, one for each variable of the problem

_CHUNK = 2**17  # points evaluated at once: bounds the memory that a large grid takes
_SLACK = 1e-9  # of the domain's diameter: rounding of points that stand on the boundary


@dataclass(frozen=True)
class Record:
    """How a solution came about.

    ``history`` holds arrays of one length over the iterations that were recorded: ``iteration``, ``seconds``,
    ``loss``, ``stage`` (the optimiser's name), ``loss_<block>`` and ``error_<unknown>`` (relative L2 against
    the reference), NaN where nothing was measured. ``timing`` is in seconds: ``wall``, ``compile``,
    ``reference``. ``parameters`` holds inferred values. ``notes`` are sentences for the report, such as
    which conditions hold exactly and why others do not. ``floor`` is a sentence where training came down to
    the rounding errors of its ``precision``. ``cells`` are those that the equations were tested on, by kind
    under ``nodes <kind>`` (e, k, d) and ``orders <kind>`` (e,), and where they were refined, the rounds under
    ``rounds <figure>``.
    """

    solver: str
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    versions: Mapping[str, str] = field(default_factory=lambda: package_versions())
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)
    parameters: Mapping[str, float] = field(default_factory=dict)
    parameter_count: int = 0
    notes: tuple[str, ...] = ()
    status: str = "finished"
    precision: str = "float64"
    floor: str = ""
    cells: Mapping[str, np.ndarray] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON holds it."""
        return {item.name: plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """The record that ``to_dict`` was called on; null in a history reads back as NaN."""
        history = {name: _column(column) for name, column in values.get("history", {}).items()}
        return cls(**{**values, "history": history, "notes": tuple(values.get("notes", ()))})


@dataclass(frozen=True)
class Solution:
    """A solution of ``problem``: callable on points, with the record of how it came about.

    ``field`` maps points (n, d), one column per variable of the problem, to one array (n,) per unknown.
    Points outside the domain or the time interval are refused, since a network answers there without
    meaning; ``extrapolate=True`` answers all the same. A field that knows its derivatives has a method
    ``derivatives(points, indices)``, which gives one array (n, number of indices) per unknown.
    """

    problem: Problem
    field: Field
    record: Record

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the unknowns, in the order of the columns that a call returns."""
        return self.problem.unknown_names

    def __call__(self, points: Any, extrapolate: bool = False) -> np.ndarray:
        """Values at points (n, d): (n,) for one unknown, (n, m) for several.

        In one variable a flat sequence is n points, in more it is a single point.
        Raises ``ValueError`` for a wrong number of columns, non-finite points, and points outside.
        """
        values = self.evaluate(points, extrapolate)
        columns = [values[name] for name in self.names]
        return columns[0] if len(columns) == 1 else np.stack(columns, axis=1)

    def evaluate(self, points: Any, extrapolate: bool = False) -> dict[str, np.ndarray]:
        """Values at points (n, d) by unknown, each (n,); raises as a call does."""
        parts = [self.field(part) for part in self._parts(points, extrapolate)]
        return {
            name: np.concatenate([np.asarray(part[name], dtype=float).reshape(-1) for part in parts])
            for name in self.names
        }

    def derivatives(
        self, points: Any, indices: Sequence[Sequence[int]], extrapolate: bool = False
    ) -> dict[str, np.ndarray]:
        """∂^α of every unknown at points (n, d), exactly: by unknown (n, k) for k multi-indices α.

        An index holds the order of differentiation by each variable of the problem, space first, time last:
        of u(x, y, t), (1, 0, 0) is u_x, (1, 1, 0) u_xy, (0, 0, 1) u_t and (0, 0, 0) u itself.
        Raises ``ValueError`` as a call does, for indices that are none, and for a field without derivatives.
        """
        wanted = tuple(as_index(index, self.problem) for index in indices)
        if not wanted:
            raise ValueError("no multi-index is given; ask for one or more, such as [(1, 0), (0, 1)]")
        differentiate = getattr(self.field, "derivatives", None)
        if differentiate is None:
            raise ValueError(
                f"the solution of {self.problem.name!r} by {self.record.solver!r} gives values only; "
                "solve by a method whose field has derivatives, such as pinn"
            )
        distinct = tuple(dict.fromkeys(wanted))
        columns = [distinct.index(index) for index in wanted]
        parts = [differentiate(part, distinct) for part in self._parts(points, extrapolate)]
        return {
            name: np.concatenate([np.asarray(part[name], dtype=float) for part in parts])[:, columns]
            for name in self.names
        }

    def fluxes(self, points: Any, extrapolate: bool = False) -> dict[str, np.ndarray]:
        """The flux F of ∇·F + S = 0 by equation, (n, d), as an unknown of its own, at points (n, d).

        Raises ``ValueError`` as a call does, and for a solver that does not solve for fluxes.
        """
        solve = getattr(self.field, "fluxes", lambda points: None)
        found = [part for p in self._parts(points, extrapolate) if (part := solve(p)) is not None]
        if not found:
            raise ValueError(
                f"{self.record.solver!r} does not solve {self.problem.name!r} for fluxes; take pcnn, "
                "which does, or compute them from derivatives"
            )
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    @property
    def division(self) -> Division | None:
        """How the domain is divided among networks; None where there is one for all of it."""
        return getattr(self.field, "division", None)

    def quantities(self) -> dict[str, float]:
        """The quantities of interest that the problem declares; NaN where the field does not tell."""
        from .quantities import quantities_of

        return {name: estimate.value for name, estimate in quantities_of(self).items()}

    def _parts(self, points: Any, extrapolate: bool) -> list[np.ndarray]:
        """Checked points (n, d), in parts of bounded size."""
        points = as_points(points, self.problem)
        if not extrapolate:
            check_inside(points, self.problem)
        return [points[start : start + _CHUNK] for start in range(0, max(len(points), 1), _CHUNK)]

    def to_xarray(self) -> xr.Dataset:
        """The solution on a grid (boxes) or a mesh (other shapes), each unknown under its own name."""
        from .dataset import solution_dataset

        return solution_dataset(self)

    def write(self, path: str | Path) -> None:
        """Write ``.nc`` (NetCDF), ``.vtu`` (last time of a transient) or ``.xdmf`` (all times), by suffix."""
        from .dataset import write_netcdf
        from .mesh_files import write_vtu, write_xdmf

        path = Path(path)
        if path.suffix == ".nc":
            write_netcdf(self.to_xarray(), path)
        elif path.suffix == ".vtu":
            write_vtu(self, path)
        elif path.suffix == ".xdmf":
            write_xdmf(self, path)
        else:
            raise ValueError(f"{path.name}: unknown suffix {path.suffix!r}; write to .nc, .vtu or .xdmf")

    def __repr__(self) -> str:
        unknowns = ", ".join(str(unknown) for unknown in self.problem.unknowns)
        seconds = f", {self.record.timing['wall']:.1f} s" if "wall" in self.record.timing else ""
        how = f"by {self.record.solver}, {self.record.status}{seconds}"
        return f"<Solution of {self.problem.name!r}: {unknowns} {how}>"


def as_points(points: Any, problem: Problem) -> np.ndarray:
    """Points as a finite array (n, d); raises ``ValueError`` saying what was expected."""
    names = ", ".join(v.name for v in problem.variables)
    try:
        array = np.asarray(points, dtype=float)
    except (TypeError, ValueError) as cause:
        raise ValueError(f"points are no array of numbers; give rows of ({names})") from cause
    columns = len(problem.variables)
    if array.ndim == 0 or (array.ndim == 1 and columns == 1):
        array = array.reshape(-1, 1)
    elif array.ndim == 1:
        array = array.reshape(1, -1)
    if array.ndim != 2 or array.shape[1] != columns:
        raise ValueError(f"points have shape {np.shape(points)}, expected (n, {columns}): columns {names}")
    bad = ~np.isfinite(array).all(axis=1)
    if bad.any():
        first = bad.argmax()
        raise ValueError(f"{bad.sum()} of {len(array)} points are not finite, the first in row {first}")
    return array


def as_index(index: Any, problem: Problem) -> Index:
    """A multi-index over the problem's variables; raises ``ValueError`` saying what was expected."""
    names = ", ".join(v.name for v in problem.variables)
    try:
        orders = tuple(operator.index(order) for order in index)
    except TypeError:
        orders = ()
    if len(orders) != len(problem.variables) or min(orders) < 0:
        raise ValueError(
            f"{index!r} is no multi-index; expected {len(problem.variables)} whole number(s) from 0, "
            f"the orders of differentiation by {names}"
        )
    return orders


def check_inside(points: np.ndarray, problem: Problem) -> None:
    """Raise ``ValueError`` where points lie outside the domain or the time interval."""
    dimension = len(problem.coordinates)
    slack = _SLACK * problem.domain.diameter
    outside = ~problem.domain.contains(points[:, :dimension], tolerance=slack)
    what = "the domain"
    if problem.time is not None:
        clock, slack = points[:, dimension], _SLACK * (problem.time.end - problem.time.start)
        late = (clock < problem.time.start - slack) | (clock > problem.time.end + slack)
        if late.any() and not outside.any():
            what = f"the time interval [{problem.time.start:g}, {problem.time.end:g}]"
        outside |= late
    if outside.any():
        first = ", ".join(f"{value:g}" for value in points[outside.argmax()])
        raise ValueError(
            f"{outside.sum()} of {len(points)} points lie outside {what}, the first at ({first}); "
            "the solution is defined inside only, extrapolate=True evaluates it all the same"
        )


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that determine a result, read without importing them."""
    versions = {"python": platform.python_version()}
    for name in ("pinnkit", "numpy", "scipy", "sympy", "jax", "jaxlib", "equinox", "optax", "scikit-fem"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _column(values: Any) -> np.ndarray:
    if any(isinstance(value, str) for value in values):
        return np.asarray(values)
    return np.asarray([np.nan if value is None else value for value in values])
