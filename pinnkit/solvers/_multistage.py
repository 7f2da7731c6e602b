"""The work of ``multistage``: what a stage is to add, and its training."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..declare.problem import Problem
from ..fields.upon import corrected
from ..forms.scale import scale
from ..training.least_squares import LeastSquares
from ..training.rounding import at_floor
from ._base import Formulation, SolverFailed
from ._collocation import formulate
from ._collocation_options import MultistageOptions, PointsOptions
from ._sequence import Link, SequenceField, inner_solver, precision_of

_PROBES = 256  # points at which the size is estimated


class Stages:
    """The stages so far; ``train`` adds to them until they are as many as asked for."""

    def __init__(self, problem: Problem, options: MultistageOptions, seed: int):
        self.scaling = scale(problem)
        self.first = inner_solver(self.scaling.problem, options, "multistage")
        self.precision = precision_of(self.first[1])
        self.problem, self.options, self.seed = self.scaling.problem, options, seed
        self.links: list[Link] = []
        self.sizes: list[float] = []
        self.notes: list[str] = [*self.scaling.notes]
        self.floor = ""

    def train(self) -> None:
        """All stages. Raises ``SolverFailed`` where the first fails."""
        for number in range(self.options.stages):
            size = self._size() if number else 1.0
            formulation = self.formulation(size)
            link = Link.trained(formulation, self.seed + number)
            assert link.result is not None
            if link.result.failed and number:
                told = link.result.message
                self.notes.append(f"stage {number + 1} brought nothing and was left out: {told}")
                break
            if link.result.failed:
                raise SolverFailed(f"the first stage failed: {link.result.message}")
            self.add(link, size)
            self.notes += formulation.notes if not number else ()
            told = f" of size {size:.2g}" if number else ""
            self.notes.append(f"stage {number + 1}{told} ended: {link.result.message}")
            first = self.links[0].result
            self.floor = at_floor(
                formulation.least_squares, link.fields, formulation.plain(link.fields),
                self.precision, float(first.history["loss"][0]) if first else 0.0,
            )  # fmt: skip
            if self.floor:
                break

    def add(self, link: Link, size: float) -> None:
        """Take up a stage."""
        self.links.append(link)
        self.sizes.append(size)

    def formulation(self, size: float, points: PointsOptions | None = None) -> Formulation:
        """What is trained next, with its own ``points`` if any."""
        if not self.links:
            solver, options = self.first
            return solver.build(self.problem, options, self.seed)
        changed = {
            "network": self.options.later_network, "optimizer": self.options.later_optimizer,
            "precision": self.precision,
        }  # fmt: skip
        changed |= {} if points is None else {"points": points}
        options = self.options.model_copy(update=changed)
        upon = partial(corrected, found=self.links[-1].found, size=size)
        return formulate(self.problem, options, self.seed + len(self.links), upon=upon)

    def _size(self) -> float:
        """ε = ‖R‖/‖∂R/∂ε‖ of the next stage as it is drawn, at a few points."""
        few = PointsOptions(interior=_PROBES, boundary=_PROBES // 4, pool=1)
        probe = self.formulation(1.0, few).least_squares

        @eqx.filter_jit
        def both(probe: LeastSquares) -> tuple[jax.Array, jax.Array]:
            def rows(factor: jax.Array) -> jax.Array:
                leaves = [factor * leaf for leaf in probe.linear(probe.fields)]
                scaled = eqx.tree_at(probe.linear, probe.fields, leaves)
                return LeastSquares(scaled, probe.blocks).residual(LeastSquares(scaled, ()).theta)

            return jax.jvp(rows, (jnp.zeros(()),), (jnp.ones(()),))

        left, slope = (float(np.linalg.norm(part)) for part in both(probe))
        return left / slope

    def field(self) -> SequenceField:
        """The sum of all stages, which is what the last one evaluates to."""
        arrays = {f"theta_{k}": link.theta for k, link in enumerate(self.links)}
        arrays |= {"sizes": np.array(self.sizes), "seed": np.array(self.seed)}
        return SequenceField(self.links[-1:], lambda x: np.zeros(len(x), int), self.scaling, arrays)


def restored(problem: Problem, options: MultistageOptions, arrays: Mapping[str, np.ndarray]) -> SequenceField:
    """The field that ``arrays`` are those of."""
    stages = Stages(problem, options, int(arrays["seed"]))
    with jax.enable_x64(True):
        for k, size in enumerate(arrays["sizes"]):
            stages.add(Link.read(stages.formulation(float(size)), arrays[f"theta_{k}"]), float(size))
        return stages.field()
