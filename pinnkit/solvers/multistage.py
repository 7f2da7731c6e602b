"""Multi-stage networks: each is trained on what those before it leave of the residual."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._base import DirectSolver, Requirement
from ._collocation_options import MultistageOptions

if TYPE_CHECKING:
    import numpy as np

    from ..declare import Problem
    from ..solution import Field, Solution


class Multistage(DirectSolver):
    """u = u₀ + ε₁u₁ + …: u₀ as ``pinn``, or another solver, has it, then networks for the rest, upon it.

    The size of a stage is estimated from the residual left, ε = ‖R‖/‖∂R/∂ε‖. Of a small correction the
    residual is nearly linear: unless told otherwise, random features and least squares make it, their
    bandwidth being searched where the problem is linear.
    """

    name = "multistage"
    summary = "networks one after the other, each on the residual that is left; towards rounding errors"
    references = ("Wang & Lai, J. Comput. Phys. 504 (2024)",)
    requires = (
        Requirement(
            "no parameter or function to be inferred",
            lambda problem: not problem.inferred and not any(p.infer for p in problem.parameters),
        ),
    )
    options = MultistageOptions

    def admit(self, problem: Problem, options: MultistageOptions) -> None:
        from ._sequence import inner_solver

        inner_solver(problem, options, self.name)

    def run(self, problem: Problem, options: MultistageOptions, seed: int) -> Solution:
        """Stage after stage. Raises ``SolverFailed`` where the first of them fails."""
        from ..solution import Record, Solution
        from ._multistage import Stages
        from ._sequence import history

        stages = Stages(problem, options, seed)
        stages.train()
        field = stages.field()
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed,
            history=history(stages.links, "stage"),
            parameter_count=sum(link.theta.size for link in stages.links), notes=tuple(stages.notes),
            precision=stages.precision, floor=stages.floor,
        )  # fmt: skip
        return Solution(problem, field, record)

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Parameters and size of every stage."""
        return solution.field.arrays  # pyright: ignore[reportFunctionMemberAccess]

    def restore(
        self, problem: Problem, options: MultistageOptions, arrays: Mapping[str, np.ndarray]
    ) -> Field:
        """The sum of all stages."""
        from ._multistage import restored

        return restored(problem, options, arrays)
