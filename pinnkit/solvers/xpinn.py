"""Extended physics-informed network: a network for each part of space and time, any equation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ._base import Formulation, TrainedSolver, Upon
from ._subdomain_options import PartitionOptions

if TYPE_CHECKING:
    from ..declare import Problem


class XpinnOptions(PartitionOptions):
    """Options of the extended physics-informed network."""

    match: Literal["auto", "flux", "gradient"] = "auto"
    """What is matched beside values and residuals: fluxes, where coefficients jump, or normal derivatives."""


class Xpinn(TrainedSolver):
    """Minimises mean(R²) in every subdomain, and at interfaces the jumps of u, R and n·F or n·∇u.

    The published loss lacks the last jump: for equations of second order an exact solution with a hat added
    has no loss then. Here it has.
    """

    name = "xpinn"
    summary = "a network for each part of space and time, joined at interfaces; any equation"
    references = ("Jagtap & Karniadakis, Commun. Comput. Phys. 28 (2020)",)
    options = XpinnOptions

    def build(
        self, problem: Problem, options: XpinnOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Collocation in every subdomain, and the block of the interfaces."""
        from ._interfaces import jumps_of_coefficients
        from ._partition import formulate_partition

        by_flux = options.match == "flux" or (options.match == "auto" and jumps_of_coefficients(problem))
        return formulate_partition(problem, options, seed, by_flux, residuals=True, upon=upon)
