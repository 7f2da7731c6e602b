"""Where curves of the plane cross.

The answers may hold too many parameters but never too few: booleans test each part between them on its own
and join again what was cut for nothing. That makes tangents and nearly equal curves harmless.
"""

from __future__ import annotations

import numpy as np

from .curves import Arc, Curve, Segment


def crossings(one: Curve, other: Curve, tolerance: float) -> np.ndarray:
    """Parameters of ``one`` in [0, 1] at which ``other`` meets it, or begins or ends to run along it."""
    match one, other:
        case Segment(), Segment():
            found = _segments(one, other, tolerance)
        case Segment(), Arc():
            found = _line_on_ellipse(one, other)
        case Arc(), Segment():
            on_line = _line_on_ellipse(other, one)
            slack = tolerance / other.measure
            on_line = on_line[(on_line >= -slack) & (on_line <= 1 + slack)]
            found = one.parameters(_angles(one, other.at(on_line)))
        case Arc(), Arc():
            found = _ellipses(one, other)
        case _:
            raise TypeError(f"no crossings between {type(one).__name__} and {type(other).__name__}")
    slack = tolerance / one.measure
    return np.clip(found[(found >= -slack) & (found <= 1 + slack)], 0, 1)


def _cross(a: np.ndarray, b: np.ndarray) -> float:
    return float(a[0] * b[1] - a[1] * b[0])


def _segments(one: Segment, other: Segment, tolerance: float) -> np.ndarray:
    between = np.subtract(other.start, one.start)
    sine = _cross(one.direction, other.direction)
    if abs(sine) > 1e-12 * one.measure * other.measure:
        there = _cross(between, one.direction) / sine
        slack = tolerance / other.measure
        return np.array([_cross(between, other.direction) / sine] if -slack <= there <= 1 + slack else [])
    if abs(_cross(between, one.direction)) > tolerance * one.measure:
        return np.array([])
    ends = np.array([other.start, other.stop]) - np.array(one.start)
    return ends @ one.direction / one.measure**2


def _local(arc: Arc, points: np.ndarray) -> np.ndarray:
    """Points in the coordinates in which the arc's ellipse is the unit circle."""
    return (points - np.array(arc.center)) @ (arc.frame / np.square(arc.radii))


def _angles(arc: Arc, points: np.ndarray) -> np.ndarray:
    local = _local(arc, points)
    return np.arctan2(local[:, 1], local[:, 0])


def _line_on_ellipse(line: Segment, arc: Arc) -> np.ndarray:
    """Parameters of the whole line: |p + s·d|² = 1 where the ellipse is the unit circle."""
    p, q = _local(arc, np.array([line.start, line.stop]))
    d = q - p
    middle = -(p @ d) / (d @ d)
    nearest = p + middle * d
    under = (1 - nearest @ nearest) / (d @ d)
    # A touching line may miss by rounding.
    if under * (d @ d) < -1e-9:
        return np.array([])
    half = np.sqrt(max(under, 0.0))
    return np.array([middle - half, middle + half])


def _ellipses(one: Arc, other: Arc) -> np.ndarray:
    """Where ``other`` is the unit circle, ``one`` is u(z) = c + αz + ᾱ/z with z = e^{iθ}.

    |u|² = 1 is a quartic in z whose roots on the unit circle are the crossings.
    """
    shape = (other.frame / np.square(other.radii)).T @ one.frame
    c = _local(other, np.array([one.center]))[0]
    alpha = (shape[:, 0] - 1j * shape[:, 1]) / 2
    second, first = np.sum(alpha**2), 2 * np.sum(c * alpha)
    constant = np.sum(c**2 + 2 * np.abs(alpha) ** 2) - 1
    size = 1 + np.sum(c**2) + np.sum(np.abs(alpha) ** 2)
    if max(abs(second), abs(first), abs(constant)) < 1e-10 * size:
        # The same ellipse: the ends of the other arc cut this one.
        return one.parameters(_angles(one, other.at(np.array([0.0, 1.0]))))
    quartic = np.array([second, first, constant, np.conj(first), np.conj(second)])
    if abs(second) < 1e-14 * size:
        quartic = quartic[1:-1]
        if abs(first) < 1e-14 * size:
            return np.array([])
    roots = np.roots(quartic)
    # Roots off the circle by more than the square root of rounding are no touching points either.
    theta = np.angle(roots[np.abs(np.abs(roots) - 1) < 1e-5])
    for _ in range(3):
        z = np.exp(1j * theta)
        value = 2 * np.real(second * z**2 + first * z) + constant
        slope = -2 * np.imag(2 * second * z**2 + first * z)
        safe = np.abs(slope) > 1e-5 * size
        theta = theta - np.where(safe, value / np.where(safe, slope, 1), 0)
    return one.parameters(theta)
