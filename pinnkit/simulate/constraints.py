"""What holds nodal values: declared ones on boundaries and at points, and constants that are free else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

from ..declare.conditions import Dirichlet, PointValue
from ..declare.problem import Problem
from ..forms import FormUnavailable, emit
from ..forms.jets import JetSymbol
from ..forms.weak import WeakForm
from ..geometry.shapes import BOUNDARY
from .lagrange import Space

_AT_NODE = 1e-8  # of the domain's diameter
_UNMOVED = 1e-9  # of a row's size: a constant that changes an equation by less is free
Parameters = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class _Given:
    """Values of expressions at nodes, as functions of the parameters."""

    nodes: np.ndarray
    values: Callable[[Parameters], Array]


class Constraints:
    """``free`` are the nodes that equations decide on; ``floating`` unknowns are known up to a constant.

    ``entries`` are rows, columns and values of a derivative of all equations, at a state without meaning: it
    tells which unknowns a constant may be added to. Where two boundaries meet, what is declared last holds.
    Raises ``FormUnavailable`` for inferred data and points that are no node.
    """

    def __init__(
        self, problem: Problem, form: WeakForm, spaces: Sequence[Space], masses: Sequence[np.ndarray],
        entries: tuple[np.ndarray, np.ndarray, np.ndarray],
    ):  # fmt: skip
        self._problem, self._spaces, self._masses = problem, spaces, masses
        self._names = [f.func.__name__ for f in problem.solved]
        self._offsets = np.cumsum([0, *(s.size for s in spaces)])
        self._given = self._declared(form)
        declared = np.concatenate([np.zeros(0, np.int64), *(g.nodes for g in self._given)])
        points = problem.of_kind(PointValue)
        at = {p: (self._number(p), self._point(p)) for p in points}
        often = [k for k, _ in at.values() if sum(k == j for j, _ in at.values()) > 1]
        self.floating = [k for k in self._movable(declared, *entries) if k not in often]
        self._shifts = {k: given for k, given in at.values() if k in self.floating}
        self._given += [given for k, given in at.values() if k not in self.floating]
        self.held = self._offsets[:-1][self.floating]
        fixed = np.concatenate([self.held, *(g.nodes for g in self._given)]).astype(np.int64)
        self.free = np.setdiff1d(np.arange(self._offsets[-1]), fixed)

    def put(self, state: Array, parameters: Parameters) -> Array:
        """A state with declared values in place, and zero at nodes that hold a constant."""
        state = state.at[self.held].set(0.0)
        for given in self._given:
            state = state.at[given.nodes].set(given.values(parameters))
        return state

    def settled(self, state: Array, parameters: Parameters) -> Array:
        """A state with floating unknowns brought to mean zero, or to their value at a point."""
        for k in self.floating:
            part = slice(self._offsets[k], self._offsets[k + 1])
            mass = jnp.asarray(self._masses[k])
            shift = -(mass @ state[part]) / mass.sum()
            if k in self._shifts:
                given = self._shifts[k]
                shift = (given.values(parameters) - state[given.nodes])[0]
            state = state.at[part].add(shift)
        return state

    def _declared(self, form: WeakForm) -> list[_Given]:
        places = [(c.unknown.func.__name__, c.where) for c in self._problem.of_kind(Dirichlet)]
        ranked = []
        for term in form.essential:
            if term.unknown not in self._names:
                continue  # of a field to be inferred: the fit holds it
            names = (term.where, BOUNDARY)
            last = max((i for i, (n, w) in enumerate(places) if n == term.unknown and w in names), default=-1)
            ranked.append((last, term))
        owner: dict[int, int] = {}
        terms = [term for _, term in sorted(ranked, key=lambda pair: pair[0])]
        for number, term in enumerate(terms):
            k = self._names.index(term.unknown)
            nodes = self._spaces[k].on_facets(term.where) + self._offsets[k]
            owner |= dict.fromkeys(nodes.tolist(), number)
        found = []
        for number, term in enumerate(terms):
            nodes = np.array(sorted(n for n, o in owner.items() if o == number), np.int64)
            k = self._names.index(term.unknown)
            if len(nodes):
                at = self._spaces[k].positions[nodes - self._offsets[k]]
                found.append(_Given(nodes, self._values(term.value, at)))
        return found

    def _point(self, point: PointValue) -> _Given:
        k = self._number(point)
        distance = np.linalg.norm(self._spaces[k].positions - np.array(point.at, float), axis=1)
        nearest = int(distance.argmin())
        if distance[nearest] > _AT_NODE * self._problem.domain.diameter:
            raise FormUnavailable(
                f"finite elements with {point.unknown} given at {point.at}",
                reason="the mesh has no node there", mend="give the value at a corner of the domain",
            )  # fmt: skip
        at = np.array([point.at], float)
        return _Given(np.array([nearest + self._offsets[k]]), self._values(sp.sympify(point.value), at))

    def _number(self, point: PointValue) -> int:
        return self._names.index(point.unknown.func.__name__)

    def _values(self, value: sp.Expr, at: np.ndarray) -> Callable[[Parameters], Array]:
        if value.atoms(JetSymbol) or value.atoms(sp.core.function.AppliedUndef):
            raise FormUnavailable(
                f"finite elements with the boundary value {value}", reason="its data are inferred",
                mend="give them by a formula",
            )  # fmt: skip
        problem = self._problem
        function = emit([value], [*problem.coordinates, *problem.parameters], jnp)
        places = [jnp.asarray(column) for column in at.T]

        def values(parameters: Parameters) -> Array:
            found = function(*places, *(parameters[p.name] for p in problem.parameters))[0]
            return jnp.broadcast_to(found, len(at))

        return values

    def _movable(
        self, fixed: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray
    ) -> list[int]:
        """Unknowns that a constant may be added to without a change of any equation that is left."""
        size = int(self._offsets[-1])
        left = np.setdiff1d(np.arange(size), fixed)
        found = []
        for k, (start, stop) in enumerate(zip(self._offsets, self._offsets[1:], strict=False)):
            part = (start <= columns) & (columns < stop)
            moved = np.bincount(rows[part], values[part], size)[left]
            most = np.bincount(rows[part], np.abs(values[part]), size)[left].max(initial=0)
            free = not np.any((start <= fixed) & (fixed < stop))
            if free and np.all(np.abs(moved) <= _UNMOVED * most):
                found.append(k)
        return found
