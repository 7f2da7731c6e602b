"""Physics-informed neural network: strong residuals at collocation points."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import Formulation, TrainedSolver, Upon
from ._collocation_options import CollocationOptions

if TYPE_CHECKING:
    from ..declare import Problem


class Pinn(TrainedSolver):
    """Minimises mean(R²) of the strong residual and of every condition not built into the network."""

    name = "pinn"
    summary = "network with strong residuals at collocation points; any equation, any domain"
    references = (
        "Lagaris, Likas & Fotiadis, IEEE Trans. Neural Netw. 9 (1998)",
        "Raissi, Perdikaris & Karniadakis, J. Comput. Phys. 378 (2019)",
    )
    options = CollocationOptions

    def build(
        self, problem: Problem, options: CollocationOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Networks for the unknowns, one block for the equations and one for each soft condition."""
        from ._collocation import formulate

        return formulate(problem, options, seed, upon=upon)
