"""Coefficients by region: ``by_region({"left": 1, "right": 100})`` on the named subdomains of a mesh file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy as sp

from ..geometry.mesh_file import MeshFile
from .errors import DeclarationError


class Region(sp.Symbol):
    """One within a region and zero elsewhere, before a problem says which domain the region is of.

    ``regions`` are all the regions that the coefficient was given for, this one's ``region`` among them.
    """

    __slots__ = ("region", "regions")

    region: str
    regions: tuple[str, ...]

    def __new__(cls, region: str, regions: Sequence[str]) -> Region:
        symbol = sp.Symbol.__xnew__(cls, region_word(region), real=True)
        symbol.region, symbol.regions = region, tuple(sorted(regions))
        return symbol

    def __getnewargs_ex__(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.region, self.regions), {}

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), self.region, self.regions)


class InRegion(sp.Function):
    """One at points (x, y, …) within a region of a mesh file and zero elsewhere; its slope counts as zero.

    Each region has a class of its own, from ``in_region``, that knows where to look.
    """

    shape: MeshFile
    region: str
    regions: tuple[str, ...]

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        """The derivative almost everywhere."""
        return sp.S.Zero

    def _eval_is_real(self) -> bool:
        return True

    def _sympystr(self, printer: Any) -> str:
        return self.placeholder.name

    def _latex(self, printer: Any, exp: Any = None) -> str:
        name = self.region.replace("_", r"\_")
        return rf"1_{{\mathrm{{{name}}}}}" + ("" if exp is None else f"^{{{exp}}}")

    @property
    def placeholder(self) -> Region:
        """What stands for it in expressions of no domain."""
        return Region(self.region, self.regions)

    @classmethod
    def values(cls, *coordinates: Any) -> np.ndarray:
        """0 or 1 at points given by their coordinates, arrays of one shape."""
        arrays = np.broadcast_arrays(*(np.asarray(c, float) for c in coordinates))
        points = np.stack([a.ravel() for a in arrays], axis=1)
        column = cls.shape.regions.names.index(cls.region)
        return cls.shape.regions.of_points(points)[:, column].astype(float).reshape(arrays[0].shape)


def by_region(values: Mapping[str, Any]) -> sp.Expr:
    """An expression that is ``values[name]``, a number or an expression, in each named subdomain.

    The regions must make up the domain, each cell of which is in one of them; the problem checks that.
    """
    if not isinstance(values, Mapping) or not values:
        raise DeclarationError(
            f"by_region: {values!r}", expected="a value for each region",
            mend='write by_region({"left": 1, "right": 100})',
        )  # fmt: skip
    for name in values:
        if not isinstance(name, str) or not name.strip():
            raise DeclarationError(f"by_region: a region is named {name!r}", expected="a word")
    try:
        return sp.Add(*(sp.sympify(value) * Region(name, tuple(values)) for name, value in values.items()))
    except (sp.SympifyError, TypeError) as error:
        raise DeclarationError(
            f"by_region: {values!r}", expected="numbers or expressions as values", mend="give an expression"
        ) from error


def region_word(region: str) -> str:
    """What stands for a region in expressions: ``in_left``."""
    return "in_" + re.sub(r"\W", "_", region)


@lru_cache(maxsize=256)
def in_region(shape: MeshFile, region: str, regions: tuple[str, ...]) -> type[InRegion]:
    """The function of one region of a mesh file."""
    return type(region_word(region), (InRegion,), {"shape": shape, "region": region, "regions": regions})
