"""Random feature method: strong residuals at collocation points, solved by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ._base import Formulation, Options, Requirement, TrainedSolver, Upon
from ._collocation_options import CollocationOptions, NetworkOptions, PointsOptions, WeightOptions

if TYPE_CHECKING:
    from ..declare import Problem


class RfmOptions(Options):
    """Options of the random feature method."""

    features: PositiveInt | None = None
    """Features in each patch; none, 500 for each coordinate but the first, up to 1,500."""
    patches: tuple[PositiveInt, ...] = ()
    """Parts that each coordinate, time last, is cut into; none, the domain is one patch."""
    activation: Literal["tanh", "sin", "swish"] = "sin"
    """Activation function."""
    feature_scale: PositiveFloat | None = None
    """Weights and biases are uniform in ± this, or a factor of it that fits better, in a patch's own
    coordinates; none, by their numbers."""
    points: PointsOptions = PointsOptions(interior=2000, pool=1)
    """Collocation points; at least three are drawn inside for each feature, and on the boundary for each
    independent trace of features."""
    weights: WeightOptions = WeightOptions()
    """Weights of mean squared residuals in the loss."""
    conditions: Literal["auto", "exact", "soft"] = "auto"
    """Build conditions into the unknowns: wherever it helps, all that can be, or none."""
    damping: PositiveFloat = Field(1e-14, lt=1)
    """Damping of the least-squares problem, as part of the most its largest singular value can be."""
    steps: PositiveInt = 30
    """Newton steps at most, for nonlinear problems."""


class Rfm(TrainedSolver):
    """Hidden layer drawn at random and kept; output layer by one least-squares solve.

    For a nonlinear problem, Gauss–Newton steps with backtracking take the place of the one solve.
    """

    name = "rfm"
    summary = "random features and least squares; very accurate on smooth problems, linear ones above all"
    references = (
        "Chen, Chi, E & Yang, J. Mach. Learn. 1 (2022)",
        "Huang, Zhu & Siew, Neurocomputing 70 (2006)",
    )
    requires = (
        Requirement(
            "no parameter or function to be inferred",
            lambda problem: not problem.inferred and not any(p.infer for p in problem.parameters),
        ),
    )
    options = RfmOptions

    def build(
        self, problem: Problem, options: RfmOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Features for the unknowns and the blocks of collocation, to be solved by the stage ``head``."""
        from ._collocation import formulate

        network = NetworkOptions(
            kind="features", width=options.features, depth=1, activation=options.activation,
            feature_scale=options.feature_scale, patches=options.patches,
        )  # fmt: skip
        return formulate(
            problem,
            CollocationOptions(
                network=network,
                points=options.points,
                weights=options.weights,
                conditions=options.conditions,
                optimizer=[{"head": {"iterations": options.steps, "damping": options.damping}}],
                tolerance=1e-16,
            ),
            seed,
            upon=upon,
        )
