"""Marching: Gaussian features in space, implicit Runge–Kutta in time, Newton's method slab after slab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pydantic import Field as Option
from pydantic import PositiveFloat, PositiveInt

from ._base import DirectSolver, Options, Requirement, SolverFailed

if TYPE_CHECKING:
    import numpy as np

    from ..declare import Problem
    from ..solution import Field, Solution
    from ._march.walk import March as Walk


class MarchOptions(Options):
    """Options of marching."""

    features: PositiveInt = Option(100, ge=10)
    """Features along the domain to begin with (in the plane, their square root along each coordinate)."""
    most_features: PositiveInt = 1200
    """Features up to which more are added where the residual is large; matrices have this size."""
    stages: int = Option(5, ge=3, le=7)
    """Stages q of a slab; the order in time is 2q − 1."""
    tolerance: PositiveFloat = Option(1e-7, lt=1)
    """Relative error in time that slabs are cut by; features are added until the residual fits it."""


def _started(problem: Problem) -> bool:
    """Whether unknowns are differentiated in time once at most, and those have an initial state."""
    from ..declare.conditions import Initial
    from ..forms.errors import FormUnavailable
    from ._march.equations import time_orders

    if problem.time is None:
        return False
    try:
        orders = time_orders(problem).values()
    except FormUnavailable:
        return False
    given = {condition.unknown for condition in problem.of_kind(Initial)}
    return any(orders) and all(
        order == 0 or (order == 1 and unknown in given)
        for unknown, order in zip(problem.unknowns, orders, strict=True)
    )


class March(DirectSolver):
    """u(x, t) = Σ_j c_j(t) φ_j(x): features in space, and in time polynomials slab by slab.

    In each slab the coefficients are collocated at Radau's points, by Newton's method on all stages; the next
    slab starts from the very state that the last one ends with. Slabs are as long as the error in time
    allows, and narrower features are added where the residual between the points is large.
    """

    name = "march"
    summary = "features in space, slabs of implicit Runge–Kutta in time; the fastest on evolution problems"
    references = (
        "Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019), section 4 (discrete time models)",
        "Chen & Luo, arXiv 2304.06913 (2023), random features in time blocks",
        "Hairer & Wanner, Solving Ordinary Differential Equations II (1996)",
    )
    requires = (
        Requirement("a time interval", lambda problem: problem.time is not None),
        Requirement("one or two space coordinates", lambda problem: len(problem.coordinates) in (1, 2)),
        Requirement(
            "nothing to be inferred, no observations and no values at points",
            lambda problem: not (
                problem.inferred or problem.observations or any(p.infer for p in problem.parameters)
                or any(type(c).__name__ == "PointValue" for c in problem.conditions)
            ),
        ),
        Requirement(
            "unknowns that depend on every coordinate",
            lambda problem: all(len(u.args) == len(problem.variables) for u in problem.unknowns),
        ),
        Requirement("one time derivative at most of each unknown, with an initial state", _started),
    )
    options = MarchOptions

    def run(self, problem: Problem, options: MarchOptions, seed: int) -> Solution:
        """Slab after slab. Raises ``SolverFailed`` where no slab, however short, is solved."""
        import numpy as np
        from threadpoolctl import threadpool_limits

        from ..solution import Record, Solution
        from ._march.field import MarchedField
        from ._march.walk import March as Walk
        from ._march.walk import Stuck

        # matrices of a few hundred rows: threads would cost more than they bring
        with threadpool_limits(limits=1, user_api="blas"):
            walk = Walk(
                problem, options.stages, options.features, options.most_features, options.tolerance, seed
            )
            try:
                slabs = list(walk.slabs())
            except Stuck as fault:
                raise SolverFailed(
                    f"march: {fault}; the solution may cease to be smooth there: give more features, or "
                    "solve by pinn"
                ) from None
        field = MarchedField.of(slabs)
        diary = walk.diary
        count = len(slabs)
        history = {
            "iteration": np.arange(1, count + 1),
            "seconds": np.array(diary.seconds),
            "loss": np.array(diary.residuals) ** 2,
            "stage": np.full(count, "march"),
            "slab": np.arange(1, count + 1),
            "slab_end": field.edges[1:],
            "features": np.array(diary.features),
        }
        record = Record(
            solver=self.name, options=options.model_dump(mode="json"), seed=seed, history=history,
            parameter_count=int(sum(values.size for values in field.coefficients)),
            notes=_notes(walk, count),
        )  # fmt: skip
        return Solution(problem, field, record)

    def arrays(self, solution: Solution) -> dict[str, np.ndarray]:
        """Features and coefficients of all slabs."""
        return solution.field.arrays()  # pyright: ignore[reportFunctionMemberAccess]

    def restore(self, problem: Problem, options: MarchOptions, arrays: Mapping[str, np.ndarray]) -> Field:
        """The field with its coefficients."""
        from ._march.field import MarchedField

        return MarchedField.restored(problem.unknown_names, arrays)


def _notes(walk: Walk, count: int) -> tuple[str, ...]:
    diary = walk.diary
    told = [
        f"{count} slabs of order {2 * walk.scheme.stages - 1} in time ({diary.rejected} more were solved "
        f"anew), {diary.features[0]} to {diary.features[-1]} features; each starts where the last one ends",
        f"largest relative error in time within a slab: {max(diary.time_errors):.1e}"
        + ("; the data may jump there" if max(diary.time_errors) > 3 * walk.tolerance else ""),
    ]
    if diary.unresolved:
        why = "more features did not help"
        if diary.full:
            why = f"no more than {walk.limit} features were allowed"
        told.append(
            f"the residual between the points was up to {diary.unresolved:.1e} of the solution over the time "
            f"interval: {why}; kinks or jumps of the data, and curved boundaries, leave such a residual"
        )
    return tuple(told)
