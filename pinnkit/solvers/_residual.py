"""Compiled expressions of the unknowns' derivatives, and the unknowns themselves, at points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import sympy as sp
from jax import Array

from ..declare.problem import Problem
from ..declare.symbols import normal
from ..fields.collocation import Collocation, Needs, Serve, Transform, prepare
from ..fields.derivatives import Index, Key
from ..fields.model import Fields
from ..fields.plan import cost, points_at_once
from ..forms.emit import emit
from ..forms.jets import Jet, jet_symbol, jets_in
from ..forms.traces import gather_traces

EVALUATION_CHUNK = 8192
_TYPICAL_LAYER = (32, 32)  # by which sets of derivatives are compared


class Residual:
    """Compiled expressions of jets, variables, normals and parameters: (fields, points) → (n, m).

    Parameters named in ``varied`` are read from the points; ``varied`` has their declared values.
    """

    def __init__(
        self,
        problem: Problem,
        expressions: Sequence[sp.Expr],
        jets: Sequence[Jet],
        varied: Sequence[str] = (),
    ):
        inferred = [p for p in problem.parameters if p.infer]
        changing = [p for p in problem.parameters if p.name in varied]
        self.varied = {p.name: p.value for p in changing}
        known = {p: sp.Float(p.value, 17) for p in problem.parameters if not (p.infer or p.name in varied)}
        self._names = [p.name for p in inferred]
        symbols: dict[sp.Symbol, tuple[str, Key]]
        symbols = {jet_symbol(jet, problem): (jet.unknown, jet.index) for jet in jets}
        chosen = [e.xreplace(known) for e in expressions]
        gathered, traces = gather_traces(chosen)
        left = set(jets_in(*gathered))
        others = {s: (name, key) for s, (name, key) in symbols.items() if Jet(name, key) in left} | traces
        if _operations(others) < _operations(symbols):
            chosen, symbols = gathered, others
        self._derivatives = tuple(symbols.values())
        self._compiled = emit(
            chosen,
            [*problem.variables, *(normal(x) for x in problem.variables), *inferred, *changing, *symbols],
            jnp,
        )
        needs: dict[str, list[Key]] = {}
        for unknown, key in self._derivatives:
            needs.setdefault(unknown, []).append(key)
        self.needs: Needs = {name: tuple(keys) for name, keys in needs.items()}
        self._facing = len(problem.variables)

    def __call__(self, fields: Fields, at: Collocation) -> Array:
        jets = fields.jets(at, self.needs)
        normals = jnp.zeros((at.x.shape[0], 0)) if at.normals is None else at.normals
        normals = jnp.pad(normals, ((0, 0), (0, self._facing - normals.shape[1])))
        found = fields.parameters()
        parameters = [jnp.broadcast_to(found[name], at.x.shape[:1]) for name in self._names]
        values = self._compiled(
            *at.x.T,
            *normals.T,
            *parameters,
            *(at.parameters[name] for name in self.varied),
            *(jets[which] for which in self._derivatives),
        )
        return jnp.stack(values, axis=1)

    def points_at_once(self, fields: Fields) -> int:
        """How many points a pass for the gradient takes at a time."""
        return points_at_once(fields, (key for _, key in self._derivatives))


def _operations(symbols: Mapping[sp.Symbol, tuple[str, Key]]) -> int:
    return cost([_TYPICAL_LAYER], (key for _, key in symbols.values())).operations


class Evaluation:
    """The unknowns at points given as they are, with the conditions built into them by ``transforms``."""

    def __init__(
        self, problem: Problem, transforms: Mapping[str, Transform], serve: Serve | None = None
    ):
        self._problem, self._prepare = problem, partial(prepare, transforms, serve=serve)

    def derivatives(self, fields: Fields, x: Array, indices: tuple[Index, ...]) -> dict[str, Array]:
        """Every unknown's derivatives by multi-indices at points (n, d), each (n, number of indices)."""
        needs = dict.fromkeys(self._problem.unknown_names, indices)
        pieces = [
            _jets(fields, self._prepare(needs, x[start : start + EVALUATION_CHUNK]), needs)
            for start in range(0, len(x), EVALUATION_CHUNK)
        ]
        return {name: jnp.concatenate([piece[name] for piece in pieces]) for name in needs}

    def __call__(self, fields: Fields, x: Array) -> dict[str, Array]:
        """Every unknown, each (n,)."""
        zero = (0,) * len(self._problem.variables)
        return {name: values[:, 0] for name, values in self.derivatives(fields, x, (zero,)).items()}

    def residuals(self, equations: Residual, fields: Fields, x: Array) -> dict[str, Array]:
        """The residual of every equation, each (n,)."""
        parts = (x[start : start + EVALUATION_CHUNK] for start in range(0, len(x), EVALUATION_CHUNK))
        pieces = [
            equations(fields, self._prepare(equations.needs, part, parameters=equations.varied))
            for part in parts
        ]
        rows = jnp.concatenate(pieces)
        return {equation.name: rows[:, k] for k, equation in enumerate(self._problem.equations)}


@eqx.filter_jit
def _jets(fields: Fields, at: Collocation, needs: Needs) -> dict[str, Array]:
    jets = fields.jets(at, needs)
    return {
        name: jnp.stack([jets[name, index] for index in indices], axis=1) for name, indices in needs.items()
    }
