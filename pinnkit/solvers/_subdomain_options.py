"""Options by which a domain is cut, and of what joins the parts again."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from ._collocation_options import CollocationOptions, PointsOptions, WeightOptions

Subdomains = dict[str, PositiveInt | Annotated[tuple[float, ...], Field(min_length=1)]]


class InterfacePoints(PointsOptions):
    """Collocation points, those of interfaces too."""

    interface: PositiveInt = 100
    """Points where two subdomains meet, for each two that do."""


class InterfaceWeights(WeightOptions):
    """Weights of mean squared residuals and jumps in the loss."""

    continuity: PositiveFloat = 100.0
    """Weight of jumps of the unknowns across interfaces."""
    flux: PositiveFloat = 100.0
    """Weight of jumps of fluxes and derivatives across interfaces."""


class PartitionOptions(CollocationOptions):
    """Options of a solver with a network for each part of the domain.

    The domain is cut in one of five ways; where none is given, along the interfaces at which coefficients
    jump, and where there are none, into halves along its first three coordinates and time.
    """

    subdomains: Subdomains = {}
    """Boxes along coordinates and time: {x: [-0.6, 0.2], t: 2} cuts at positions, or into equal parts."""
    shapes: dict[str, Literal["rest"] | dict[str, Any]] = {}
    """Subdomains by name: shapes as in `domain`, and `rest` for what they leave."""
    sites: tuple[tuple[float, ...], ...] = ()
    """Points that each own what is nearest to them (Voronoi)."""
    levels: tuple[str, ...] = ()
    """Expressions of coordinates and time whose zeros cut the domain, as "x - 0.2*t"."""
    cells: Literal["groups"] | PositiveInt | None = None
    """Along the sides of cells: by the named `groups` of a mesh file, or into a number of parts (METIS)."""
    networks: dict[str, dict[str, Any]] = {}
    """Options of `network` for single subdomains, by name or number from 1: {2: {width: 30, depth: 3}}."""
    points: InterfacePoints = InterfacePoints()
    weights: InterfaceWeights = InterfaceWeights()
