"""Time marching with trained networks: slab after slab, each started from the last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ._base import DirectSolver, Requirement
from ._collocation_options import SlabOptions

if TYPE_CHECKING:
    import numpy as np

    from ..declare import Problem
    from ..solution import Field, Solution


class Slabs(DirectSolver):
    """``pinn``, or another solver, in slabs of time, each from what the last one ended with.

    Within a slab u = L + (u₋ − L)|t₀ + … + φ τᵏ N, L and φ being what boundary data are built in by and u₋
    the last slab's solution: continuous in time, with as many rates as initial values were declared.
    """

    name = "slabs"
    summary = "networks in slabs of time, each started from the last; long times and sharpening fronts"
    references = (
        "Wight & Zhao, Commun. Comput. Phys. 29 (2021), section 3.2",
        "Krishnapriyan, Gholami, Zhe, Kirby & Mahoney, Adv. Neural Inf. Process. Syst. 34 (2021), section 5",
    )
    requires = (
        Requirement("a time interval", lambda problem: problem.time is not None),
        Requirement(
            "nothing to be inferred, no observations and no values at points of space and time",
            lambda problem: not (
                problem.inferred or problem.observations or any(p.infer for p in problem.parameters)
                or any(
                    len(getattr(c, "at", ())) == len(problem.variables) for c in problem.conditions
                )
            ),
        ),
    )  # fmt: skip
    options = SlabOptions

    def admit(self, problem: Problem, options: SlabOptions) -> None:
        from ._sequence import inner_solver

        inner_solver(problem, options, self.name)

    def run(self, problem: Problem, options: SlabOptions, seed: int) -> Solution:
        """Slab after slab. Raises ``SolverFailed`` where one of them fails."""
        from ..solution import Record, Solution
        from ._sequence import history
        from ._slabs import Slabs as Walk

        walk = Walk(problem, options, seed)
        walk.train()
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed,
            history=history(walk.links, "slab"),
            parameter_count=sum(link.theta.size for link in walk.links), notes=tuple(walk.notes),
            precision=walk.precision,
        )  # fmt: skip
        return Solution(problem, walk.field(), record)

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Parameters of every slab."""
        return solution.field.arrays  # pyright: ignore[reportFunctionMemberAccess]

    def restore(self, problem: Problem, options: SlabOptions, arrays: Mapping[str, np.ndarray]) -> Field:
        """The unknowns of all slabs."""
        from ._slabs import restored

        return restored(problem, options, arrays)
