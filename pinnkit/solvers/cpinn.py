"""Conservative physics-informed network: a network for each subdomain, fluxes continuous between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import Formulation, Requirement, TrainedSolver, Upon
from ._subdomain_options import PartitionOptions

if TYPE_CHECKING:
    from ..declare import Problem


def _has_flux(problem: Problem) -> bool:
    from ..forms.errors import FormUnavailable
    from ..forms.flux import flux_form

    try:
        flux_form(problem)
    except FormUnavailable:
        return False
    return True


class Cpinn(TrainedSolver):
    """Minimises mean(R²) in every subdomain, and at interfaces the jumps of u and of n·F, R = Σ Dᵢ Fᵢ + S.

    F is the symbolic flux of the equation, over space and time: across an interface that moves the second
    jump is n_t [u] + n·[F]. Operators of higher order match the derivatives between, too.
    """

    name = "cpinn"
    summary = "a network for each subdomain, with continuous fluxes; conservation laws, jumping coefficients"
    references = ("Jagtap, Kharazmi & Karniadakis, Comput. Methods Appl. Mech. Eng. 365 (2020)",)
    requires = (Requirement("equations in flux form", _has_flux),)
    options = PartitionOptions

    def build(
        self, problem: Problem, options: PartitionOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Collocation in every subdomain, and the block of the interfaces."""
        from ._partition import formulate_partition

        return formulate_partition(problem, options, seed, by_flux=True, residuals=False, upon=upon)
