"""Options that all collocation solvers share: network, points, weights, schedule."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, PositiveFloat, PositiveInt

from ._base import Options

Stages = Annotated[list[str | dict[str, PositiveInt | dict[str, Any]]], Field(min_length=1)]


def listed(stages: Any) -> Any:
    """One stage alone is a schedule too."""
    return stages if stages == "auto" or isinstance(stages, (list, tuple)) else [stages]


class NetworkOptions(Options):
    """The network that stands for the unknowns; what is not given follows from the problem.

    The choice is a multilayer perceptron, 3 × 24 tanh; for linear waves and linear steady problems without a
    definite form (Helmholtz) or with a smooth solution, 500 random sine features.
    """

    kind: Literal["mlp", "modified_mlp", "pirate", "separable", "features"] = "mlp"
    """Perceptron, plain or gated; PirateNet; separable, fast with sampling: grid; or random features."""
    width: PositiveInt | None = None
    """Units in each hidden layer."""
    depth: PositiveInt | None = None
    """Hidden layers (of PirateNet blocks, of three layers each); random features have one."""
    activation: Literal["tanh", "sin", "swish", "gabor"] | None = None
    """Activation function."""
    fourier_features: int = Field(0, ge=0)
    """Random Fourier features of the input; 0, none (for PirateNet, as many as it is wide)."""
    gabor_features: int = Field(0, ge=0)
    """Random waves under Gaussian envelopes of the input; 0, none."""
    fourier_scale: PositiveFloat = 3.0
    """Standard deviation of their frequencies, for coordinates scaled to [-1, 1]; 1 to 2 for PirateNet."""
    feature_scale: NonNegativeFloat | None = None
    """First-layer weights and biases uniform in ± this, as random features; 0, as ``initialisation``."""
    initialisation: Literal["glorot", "siren"] = "glorot"
    """How weights are drawn: Glorot-normal, or uniform in ±√(6/inputs), which suits sines."""
    factorised: bool = False
    """Random weight factorisation, W = diag(exp s) V with s and V trained."""
    factor_mean: float = 1.0
    """Mean of s at the start."""
    factor_spread: NonNegativeFloat = 0.1
    """Standard deviation of s at the start."""
    holes: bool = True
    """Let the network see coordinates inverted at every round hole of the domain."""
    patches: tuple[PositiveInt, ...] = ()
    """Parts that each coordinate is cut into, for random features; none, the domain is one patch."""
    harmonics: PositiveInt = 1
    """Pairs (cos, sin) for each periodic coordinate."""


class PointsOptions(Options):
    """Collocation points."""

    interior: PositiveInt = 3000
    """Points inside the domain; at least three for each random feature are drawn."""
    boundary: PositiveInt = 400
    """Points for each condition that is not built in; with random features at least three for each of them
    that differs on a boundary."""
    sampling: Literal["sobol", "uniform", "grid"] = "sobol"
    """How points are drawn; those of a grid are never redrawn, and in a box are at least ``interior``."""
    pool: PositiveInt = 8
    """Candidates per point from which points are redrawn by residual; 1, points stay."""


class WeightOptions(Options):
    """Weights of mean squared residuals in the loss."""

    equations: PositiveFloat = 1.0
    """Weight of every equation."""
    conditions: PositiveFloat = 100.0
    """Weight of every condition that is not built in."""
    observations: PositiveFloat = 100.0
    """Weight of observations."""


class CollocationOptions(Options):
    """Options of a solver that trains strong residuals at points."""

    network: NetworkOptions = NetworkOptions()
    points: PointsOptions = PointsOptions()
    weights: WeightOptions = WeightOptions()
    conditions: Literal["auto", "exact", "soft"] = "auto"
    """Build conditions into the unknowns: wherever it helps, all that can be, or none."""
    optimizer: Annotated[Literal["auto"] | Stages, BeforeValidator(listed)] = "auto"
    """Stages in order: a name, {name: iterations} or {name: {iterations: …, option: …}}; auto chooses."""
    weighting: str | dict[str, Any] = "none"
    """How weights change: none, gradient_norm, ntk, relobralo, residual_attention, self_adaptive,
    augmented_lagrangian; or {name: …, option: …}."""
    causal_chunks: int = Field(0, ge=0)
    """Parts of the time interval for causal weights, by which an equation counts once it is met before; 0,
    none; 16 to 32 are usual."""
    causal_steepness: tuple[PositiveFloat, ...] = Field((1e-2, 1e-1, 1.0, 1e1, 1e2), min_length=1)
    """How steeply causal weights fall, the next value once the last part of the interval counts."""
    curriculum: dict[str, Annotated[tuple[float, ...], Field(min_length=2)]] = {}
    """Values that a parameter of the equations goes through while training, the last one the declared value:
    {nu: [0.1, 0.03, 0.01]}."""
    curriculum_every: PositiveInt = 500
    """Iterations at each value of a curriculum; the end of a stage goes on to the next one, too."""
    redraw: Literal["rad", "rar_d", "importance"] = "rad"
    """How points are redrawn: all anew by residual, a tenth of them at a time, or all anew with weights that
    keep the mean over the domain."""
    redraw_every: int = Field(500, ge=0)
    """Iterations between redraws of the points by residual; 0, never."""
    precision: Literal["float64", "float32", "mixed"] = "float64"
    """Precision of training: of everything, or mixed, the network in float32 and the rest in float64."""
    tolerance: PositiveFloat = 1e-9
    """Training ends when the root mean square residual has fallen by this factor."""
    time_limit: PositiveFloat | None = None
    """Seconds of training after which it ends; none, iterations alone decide."""


class SequenceOptions(CollocationOptions):
    """Options of ``pinn``, which is trained again and again, or of another solver in its place."""

    of: dict[str, Any] = {}
    """Another solver than pinn, by name, with its own options: {name: fbpinn, subdomains: {x: 4}}."""


class MultistageOptions(SequenceOptions):
    """Options of multi-stage networks: those of the first stage, and how many there are."""

    stages: int = Field(2, ge=2, le=5)
    """Networks, one upon the other."""
    later_network: NetworkOptions = NetworkOptions()
    """Networks of the stages after the first; what is not given follows from ``later_optimizer``."""
    later_optimizer: Annotated[Stages, BeforeValidator(listed)] = ["head"]
    """Optimisers of the stages after the first; ``head`` is random features and least squares."""


class SlabOptions(SequenceOptions):
    """Options of slabs in time: those of every slab, and where they end."""

    slabs: Annotated[int, Field(ge=1)] | tuple[float, ...] = 4
    """Number of slabs of equal length, or the times between them."""
