"""Options that the variational solvers share."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveFloat, PositiveInt

from ._base import Options
from ._collocation_options import (
    CollocationOptions,
    NetworkOptions,
    PointsOptions,
    Stages,
    WeightOptions,
    listed,
)


class TestOptions(Options):
    """Test functions in time, and what all are measured by."""

    __test__ = False

    time_order: PositiveInt = 4
    """Test functions, Legendre polynomials, in every slab of time."""
    time_quadrature: PositiveInt | None = None
    """Gauss points in every slab of time; not given, two more than tests."""
    norm: Literal["auto", "gradient", "value"] = "auto"
    """Measure of test functions: squared gradients, where the flux holds gradients, or their squares."""


class CellTestOptions(TestOptions):
    """Test functions on every cell, or one for each node or each side between two cells."""

    on: Literal["cells", "nodes", "sides"] = "cells"
    """Where tests live: each on one cell, or, of the lowest order, on the cells around a node or a side."""
    order: PositiveInt = 5
    """Test functions along an axis of a cell, for those on cells."""
    quadrature: PositiveInt | None = None
    """Gauss points along an axis of a cell; not given, four more than tests, three in all for those."""


class GlobalTestOptions(TestOptions):
    """Test functions on the whole domain."""

    order: PositiveInt = 10
    """Test functions along an axis."""
    quadrature: PositiveInt | None = None
    """Quadrature points in the domain; not given, along an axis two for each test and four more."""
    time_order: PositiveInt = 8
    """Test functions, Legendre polynomials, in time."""


class RefineOptions(Options):
    """Refinement of cells where the residual is large."""

    rounds: int = Field(0, ge=0)
    """Times that cells are refined; each is followed by all stages of the schedule."""
    by: Literal["hp", "h", "p"] = "hp"
    """Raise the order where the residual falls fast with it and cut the cell elsewhere, or one of the two."""
    share: float = Field(0.5, gt=0, le=1)
    """Part of the squared residual that the cells to be refined hold together; 1, all cells."""
    highest_order: PositiveInt = 12
    """Order of tests that no cell is raised beyond."""


class CellOptions(Options):
    """Cells of the domain; a mesh file brings its own."""

    counts: tuple[PositiveInt, ...] = ()
    """Cells along each axis of an interval, rectangle or box; not given, about sixteen in all."""
    size: PositiveFloat | None = None
    """Size of cells of other shapes; not given, an eighth of the domain's largest extent."""
    slabs: PositiveInt = 4
    """Slabs that the time interval is cut into."""


class VariationalOptions(Options):
    """Options of a solver that tests residuals."""

    network: NetworkOptions = NetworkOptions()
    tests: CellTestOptions | GlobalTestOptions
    form: Literal[1, 2, 3] = 2
    """Times the equation is integrated by parts, plus one: residual against v, flux against its gradient, or
    unknown against its second derivatives."""
    weights: WeightOptions = WeightOptions()
    conditions: Literal["auto", "exact", "soft"] = "auto"
    """Build values into the unknowns: wherever it helps, all that can be, or none."""
    condition_points: PositiveInt = 400
    """Points for each condition that is neither built in nor natural."""
    optimizer: Annotated[Literal["auto"] | Stages, BeforeValidator(listed)] = "auto"
    """Stages in order: a name, {name: iterations} or {name: {iterations: …, option: …}}; auto chooses."""
    weighting: str | dict[str, Any] = "none"
    """How weights change: none, gradient_norm, ntk, relobralo, residual_attention, self_adaptive,
    augmented_lagrangian; or {name: …, option: …}."""
    causal_chunks: int = Field(0, ge=0)
    """Parts of the time interval for causal weights, by which a cell counts once those before it are met."""
    precision: Literal["float64", "float32", "mixed"] = "float64"
    """Precision of training: of everything, or mixed, the network in float32 and the rest in float64."""
    tolerance: PositiveFloat = 1e-9
    """Training ends when the root mean square residual has fallen by this factor."""
    time_limit: PositiveFloat | None = None
    """Seconds of training after which it ends; none, iterations alone decide."""

    def as_collocation(self) -> CollocationOptions:
        """The part of the options that collocation has too."""
        shared = (
            "network", "weights", "conditions", "optimizer", "weighting", "causal_chunks", "precision",
            "tolerance",
        )  # fmt: skip
        return CollocationOptions(
            points=PointsOptions(boundary=self.condition_points, pool=1), time_limit=self.time_limit,
            **{name: getattr(self, name) for name in shared},
        )  # fmt: skip
