"""The work of ``slabs``: the edges, the training of one after the other, and the whole as a field."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import jax
import numpy as np

from ..declare.errors import DeclarationError
from ..declare.problem import Problem
from ..fields.upon import continued
from ..forms.intervals import within
from ..forms.scale import scale
from ._base import Formulation, SolverFailed
from ._collocation_options import SlabOptions
from ._sequence import Link, SequenceField, inner_solver, precision_of


class Slabs:
    """The slabs so far; ``train`` adds to them until time is over."""

    def __init__(self, problem: Problem, options: SlabOptions, seed: int):
        self.scaling = scale(problem)
        self.solver, self.options = inner_solver(self.scaling.problem, options, "slabs")
        self.precision = precision_of(self.options)
        self.seed = seed
        self.edges = _edges(problem, options.slabs)
        self.parts = [within(self.scaling.problem, *pair) for pair in pairwise(self.edges)]
        self.links: list[Link] = []
        self.notes: list[str] = [*self.scaling.notes]

    def train(self) -> None:
        """All slabs. Raises ``SolverFailed`` where one fails."""
        for number in range(len(self.parts)):
            formulation = self.formulation()
            start = self.links[-1].theta if self.links else None
            link = Link.trained(formulation, self.seed + number, start)
            assert link.result is not None
            span = f"{self.edges[number]:g} to {self.edges[number + 1]:g}"
            if link.result.failed:
                raise SolverFailed(f"the slab from {span} failed: {link.result.message}; give more slabs")
            if not number:
                self.notes += formulation.notes
            self.notes.append(f"slab from {span} ended: {link.result.message}")
            self.links.append(link)

    def formulation(self) -> Formulation:
        """That of the next slab, which goes on from the last one."""
        part, upon = self.parts[len(self.links)], None
        if self.links:
            upon = partial(continued, found=self.links[-1].found, problem=part)
        return self.solver.build(part, self.options, self.seed, upon)

    def field(self) -> SequenceField:
        """Every slab's own unknowns; at an edge, those of the earlier one."""
        arrays = {f"theta_{k}": link.theta for k, link in enumerate(self.links)}
        arrays |= {"seed": np.array(self.seed)}
        inner = np.array(self.edges[1:-1])
        return SequenceField(
            self.links, lambda x: np.searchsorted(inner, x[:, -1], side="left"), self.scaling, arrays
        )


def restored(problem: Problem, options: SlabOptions, arrays: Mapping[str, np.ndarray]) -> SequenceField:
    """The field that ``arrays`` are those of."""
    slabs = Slabs(problem, options, int(arrays["seed"]))
    with jax.enable_x64(True):
        for number in range(len(slabs.parts)):
            slabs.links.append(Link.read(slabs.formulation(), arrays[f"theta_{number}"]))
        return slabs.field()


def _edges(problem: Problem, given: int | tuple[float, ...]) -> tuple[float, ...]:
    assert problem.time is not None
    start, end = problem.time.start, problem.time.end
    if isinstance(given, int):
        return tuple(float(edge) for edge in np.linspace(start, end, given + 1))
    edges = (start, *given, end)
    if any(b <= a for a, b in pairwise(edges)):
        raise DeclarationError(
            f"slabs: cuts at {', '.join(f'{cut:g}' for cut in given)}",
            expected=f"times between {start:g} and {end:g}, rising",
            mend="give the times between slabs, or their number", section="slabs",
        )  # fmt: skip
    return edges
