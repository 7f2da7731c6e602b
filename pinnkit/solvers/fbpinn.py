"""Finite-basis network: networks under smooth windows on overlapping boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, PositiveInt

from ._base import Formulation, TrainedSolver, Upon
from ._collocation_options import CollocationOptions, NetworkOptions
from ._subdomain_options import Subdomains

if TYPE_CHECKING:
    from ..declare import Problem


class FbpinnOptions(CollocationOptions):
    """Options of the finite-basis network."""

    subdomains: Subdomains = {}
    """Boxes along each coordinate and time: {x: 15} equal ones, or {x: [-0.6, 0.2], t: 2} cut at positions;
    not given, two along each of the first three."""
    overlap: float = Field(1.0, gt=0, le=1)
    """How far a window reaches across a cut, as part of half the narrower box."""
    levels: PositiveInt = 1
    """Levels of boxes, each with every second cut of the one before, summed up."""


class Fbpinn(TrainedSolver):
    """Minimises mean(R²) over u = lift + multiplier·Σ ψ_j N_j, ψ_j smooth windows that sum to one.

    Each network N_j sees the coordinates of its box; there are no interfaces and no further terms. For a
    linear problem the hidden layers are random features, and one least-squares solution gives the rest.
    """

    name = "fbpinn"
    summary = "networks under smooth windows on overlapping boxes; many scales, high frequencies"
    references = (
        "Moseley, Markham & Nissen-Meyer, Adv. Comput. Math. 49 (2023)",
        "Dolean, Heinlein, Mishra & Moseley, Comput. Methods Appl. Mech. Eng. 429 (2024)",
    )
    options = FbpinnOptions

    def build(
        self, problem: Problem, options: FbpinnOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Collocation with windowed networks in place of one for the whole domain."""
        import jax.numpy as jnp
        from jax import Array

        from ..fields.collocation import Columns, Needs, Served
        from ..fields.cover import Cover
        from ..fields.ensemble import Ensemble
        from ..fields.model import Group, group_keys
        from ..geometry.division import Division
        from ._collocation import Ansatz, formulate
        from ._ensemble import cuts_of, drawn_ensemble, settled_in_parts

        cuts = cuts_of(problem, options.subdomains)
        levels = [[axis[2**k - 1 :: 2**k] for axis in cuts] for k in range(options.levels)]
        covers: dict[Group, Cover] = {}

        def cover(columns: Columns) -> Cover:
            lower, upper = (tuple(side[c] for c in columns) for side in (problem.lower, problem.upper))
            own = tuple(tuple(level[c] for c in columns) for level in levels)
            return Cover(lower, upper, own, options.overlap)

        def draw(problem: Problem, network: NetworkOptions, group: Group, key: Array) -> Ensemble:
            found = covers[group] = cover(group.columns)
            return drawn_ensemble(problem, [network] * found.size, group, key, found.boxes)

        def serve(x: Array, needs: Needs) -> dict[Columns, Served]:
            served = {}
            for group, found in covers.items():
                if keys := group_keys(group, needs):
                    served[group.columns] = Served(*found.windows(x[:, jnp.array(group.columns)], keys))
            return served

        whole = cover(tuple(range(len(problem.variables))))
        division = Division(tuple(str(k + 1) for k in range(whole.size)), *whole.boxes)

        def settle(problem: Problem, options: FbpinnOptions) -> tuple[FbpinnOptions, str]:
            return settled_in_parts(problem, options, whole.size)

        ansatz = Ansatz(draw, serve, settle, division=division)
        return formulate(problem, options, seed, ansatz=ansatz, upon=upon)
