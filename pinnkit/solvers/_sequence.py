"""Networks trained one after the other, each upon those before it: what multi-stage and slabs share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.upon import Found, unknowns
from ..forms.scale import Scaling
from ..training.least_squares import LeastSquares
from ..training.loop import TrainResult, train
from ._base import Formulation, TrainedSolver
from ._collocation_options import CollocationOptions, SequenceOptions
from ._options import read_options

_CHUNK = 2048


@dataclass(frozen=True)
class Link:
    """One formulation with its trained fields, and how training went where it was not read back."""

    formulation: Formulation
    fields: Any
    result: TrainResult | None = None

    @property
    def found(self) -> Found:
        """The unknowns, as data for the next link."""
        return unknowns(lambda x: self.formulation.evaluate(self.fields, x))

    @property
    def theta(self) -> np.ndarray:
        """The trained numbers."""
        return np.asarray(LeastSquares(self.fields, ()).theta)

    @classmethod
    def read(cls, formulation: Formulation, theta: np.ndarray) -> Link:
        """The link with the numbers it was trained to."""
        return cls(formulation, LeastSquares(formulation.fields, ()).with_theta(jnp.asarray(theta)))

    @classmethod
    def trained(cls, formulation: Formulation, seed: int, start: np.ndarray | None = None) -> Link:
        """Train the formulation, from the numbers ``start`` where it has as many."""
        posed = formulation.least_squares
        if start is not None and start.size == posed.theta.size:
            posed = eqx.tree_at(lambda p: p.fields, posed, posed.with_theta(jnp.asarray(start)))
        result = train(
            posed, formulation.schedule, seed=seed, redraw=formulation.redraw,
            redraw_every=formulation.redraw_every, rules=formulation.rules, tolerance=formulation.tolerance,
            time_limit=formulation.time_limit, refinement=formulation.refinement,
        )  # fmt: skip
        return cls(formulation, result.fields, result)


def inner_solver(problem: Problem, options: SequenceOptions, name: str) -> tuple[TrainedSolver, Any]:
    """The solver that is trained again and again for ``name``, and its options.

    Raises ``DeclarationError`` for one that is not trained or does not fit, for options beside it that it
    does not read, and for single precision, on whose rounding errors the next link would build.
    """
    from . import get

    own = {key: getattr(options, key) for key in CollocationOptions.model_fields}
    try:
        solver = get(str(options.of.get("name", "pinn")))
    except DeclarationError as fault:
        raise DeclarationError(fault.what, expected=fault.expected, mend=fault.mend, section="of") from None
    if not isinstance(solver, TrainedSolver):
        raise DeclarationError(
            f"{name} of {solver.name}", section="of", expected="a solver that is trained",
            mend="take pinn, or solver: " + solver.name,
        )  # fmt: skip
    if unmet := solver.unmet(problem):
        raise DeclarationError(
            f"{name} of {solver.name}, which does not fit this problem", section="of",
            expected="; ".join(unmet), mend="leave `of` out: pinn fits",
        )  # fmt: skip
    if options.of:
        defaults = CollocationOptions()
        if idle := [key for key, value in own.items() if value != getattr(defaults, key)]:
            raise DeclarationError(
                f"{name} of {solver.name} does not read {', '.join(idle)} beside `of`", section=idle[0],
                expected="its options within `of`", mend=f"of: {{name: {solver.name}, {idle[0]}: …}}",
            )  # fmt: skip
        given = {key: value for key, value in options.of.items() if key != "name"}
        try:
            chosen = read_options(solver.options, given, ("solver", "of"))
        except DeclarationError as fault:
            what, expected, mend = fault.what, fault.expected, fault.mend
            raise DeclarationError(what, expected=expected, mend=mend, section="of") from None
    else:
        chosen = CollocationOptions(**own)
    if precision_of(chosen) == "float32":
        raise DeclarationError(
            f"{name} in float32: what follows would be trained on rounding errors",
            expected="precision: float64 or mixed", mend="leave it out, or take solver: pinn",
            section="precision",
        )  # fmt: skip
    return solver, chosen


def precision_of(options: Any) -> str:
    """The precision that a solver trains in; double where it leaves no choice."""
    return getattr(options, "precision", "float64")


def history(links: Sequence[Link], label: str) -> dict[str, np.ndarray]:
    """Losses of all links one after the other, with the time of all before counted in."""
    parts: dict[str, list[Any]] = {"iteration": [], "seconds": [], "loss": [], "stage": []}
    seconds = 0.0
    for number, link in enumerate(links, 1):
        assert link.result is not None
        told = link.result.history
        names = [stage.optimiser.name for stage in link.formulation.schedule]
        parts["seconds"] += (np.asarray(told["seconds"]) + seconds).tolist()
        parts["loss"] += np.asarray(told["loss"]).tolist()
        parts["stage"] += [f"{label} {number}: {names[int(k)]}" for k in told["stage"]]
        seconds += link.result.seconds
    parts["iteration"] = list(range(1, 1 + len(parts["loss"])))
    return {name: np.asarray(values) for name, values in parts.items()}


class SequenceField:
    """Unknowns of several links: ``choose`` tells which of them answers at each of the points (n, d).

    ``arrays`` are all that it is rebuilt from.
    """

    def __init__(
        self,
        links: Sequence[Link],
        choose: Callable[[np.ndarray], np.ndarray],
        scaling: Scaling,
        arrays: Mapping[str, np.ndarray],
    ):
        self.arrays = dict(arrays)
        self._links, self._choose, self._scaling = tuple(links), choose, scaling

    @cached_property
    def _values(self) -> list[Any]:
        return [eqx.filter_jit(link.formulation.evaluate) for link in self._links]

    @cached_property
    def _slopes(self) -> list[Any]:
        return [eqx.filter_jit(link.formulation.derivatives) for link in self._links]

    def __call__(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Values (n,) by unknown."""
        found = self._gathered(points, self._values)
        return found if self._scaling.identity else self._scaling.values(found)

    def derivatives(self, points: np.ndarray, indices: tuple[tuple[int, ...], ...]) -> dict[str, np.ndarray]:
        """∂^α (n, number of indices) by unknown."""
        found = self._gathered(points, self._slopes, indices)
        return found if self._scaling.identity else self._scaling.derivatives(found, indices)

    def _gathered(self, points: np.ndarray, functions: Sequence[Any], *choice: Any) -> dict[str, np.ndarray]:
        chosen = self._choose(points)
        found: dict[str, np.ndarray] = {}
        for number, (link, function) in enumerate(zip(self._links, functions, strict=True)):
            rows = np.flatnonzero(chosen == number)
            if len(rows) or (number == 0 and not len(points)):
                values = _in_chunks(points[rows], lambda x, f=function, k=link: f(k.fields, x, *choice))
                for name, value in values.items():
                    whole = found.setdefault(name, np.zeros((len(points), *value.shape[1:])))
                    whole[rows] = value
        return found


def _in_chunks(points: np.ndarray, function: Callable[[Array], Any]) -> dict[str, np.ndarray]:
    """Values by name at any number of points, of few shapes."""
    parts: list[dict[str, np.ndarray]] = []
    with jax.enable_x64(True), jax.default_matmul_precision("highest"):
        for start in range(0, max(len(points), 1), _CHUNK):
            part = points[start : start + _CHUNK]
            padded = np.resize(part, (_CHUNK, points.shape[1]))  # repeated; zeros, where there are none
            values = function(jnp.asarray(padded))
            parts.append({name: np.asarray(value)[: len(part)] for name, value in values.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
