"""Numbers and points as the shapes accept them: finite, of one dimension, plain floats in tuples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, SupportsFloat

import numpy as np

from .errors import GeometryError


def number(value: object, what: str) -> float:
    """``value`` as a finite float."""
    # Exact numbers of a computer algebra system are welcome, text and truth values are slips.
    if isinstance(value, str | bool) or not isinstance(value, SupportsFloat):
        raise GeometryError(f"{what} is {value!r}, not a number", expected="a finite number")
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise GeometryError(f"{what} is {value!r}, not a number", expected="a finite number") from error
    if not math.isfinite(result):
        raise GeometryError(f"{what} is {result}", expected="a finite number")
    return result


def positive(value: object, what: str) -> float:
    """``value`` as a finite float above zero."""
    result = number(value, what)
    if result <= 0:
        raise GeometryError(
            f"{what} is {result:g}",
            expected="a number above zero",
            mend=f"give a positive {what.split()[-1]}",
        )
    return result


def point(value: object, what: str, dimension: int | None = None) -> tuple[float, ...]:
    """``value`` as a tuple of finite floats, of the given length where one is given."""
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise GeometryError(f"{what} is {value!r}", expected="a point: a list of numbers")
    result = tuple(number(entry, f"{what}[{place}]") for place, entry in enumerate(value))
    if dimension is not None and len(result) != dimension:
        raise GeometryError(f"{what} has {len(result)} coordinates", expected=f"{dimension} coordinates")
    if not result:
        raise GeometryError(f"{what} has no coordinates", expected="at least one coordinate")
    return result


def corners(lower: object, upper: object, what: str, dimension: int | None = None):
    """Lower and upper corner of a box with positive extent along every axis."""
    low = point(lower, f"the lower corner of a {what}", dimension)
    high = point(upper, f"the upper corner of a {what}", dimension)
    if len(low) != len(high):
        raise GeometryError(
            f"the corners of a {what} have {len(low)} and {len(high)} coordinates",
            expected="as many coordinates in both corners",
        )
    for axis, (a, b) in enumerate(zip(low, high, strict=True)):
        if not a < b:
            raise GeometryError(
                f"the {what} is empty: along axis {axis + 1} it runs from {a:g} to {b:g}",
                expected="every lower coordinate below its upper one",
                mend="exchange the two" if a > b else "give it an extent",
            )
    return low, high


def columns(points: object, dimension: int) -> np.ndarray:
    """``points`` as a float array (n, dimension); one point alone becomes one row."""
    array = np.asarray(points, dtype=float)
    if array.ndim == 1:
        array = array[:, None] if dimension == 1 else array[None, :]
    if array.ndim != 2 or array.shape[1] != dimension:
        raise GeometryError(
            f"points of shape {array.shape} for a shape in {dimension} dimension(s)",
            expected=f"an array (n, {dimension})",
        )
    return array


def constant(value: object) -> Any:
    """A property that is the same for all of a class."""
    return property(lambda self: value)


def tidy(value: object) -> object:
    """Plain data for problem files: tuples as lists, whole numbers without a decimal point."""
    if isinstance(value, tuple):
        return [tidy(entry) for entry in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return value
