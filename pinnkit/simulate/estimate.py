"""What a fit says of its parameters and fields: intervals, singular values, and what the data resolve."""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax.numpy as jnp
import numpy as np

from .model import Model
from .resolution import resolution_notes, well_seen

_NINETY = 1.6449  # standard deviations on either side that hold 90 % of a normal distribution
_BLIND = 1e-8  # singular values below this part of the largest: a direction that the data do not see


@dataclass(frozen=True)
class Estimate:
    """Parameters with standard deviations and 90 % intervals, fields as spline coefficients.

    ``singular_values`` are those of the sensitivities, data in standard deviations, parameters in units of
    their start; ``resolution`` (by field, on its coefficients) is one where data decide and zero where the
    regulariser does, or where data would decide only by enlarging their errors. ``covariance`` is that of θ
    for unit errors, (JᵀJ + prior)⁻¹.
    """

    parameters: dict[str, float]
    deviations: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    coefficients: dict[str, np.ndarray]
    resolution: dict[str, np.ndarray]
    singular_values: np.ndarray
    misfit: float
    covariance: np.ndarray
    notes: tuple[str, ...]


def estimated(
    model: Model, theta: np.ndarray, data: np.ndarray, prior: np.ndarray, strength: float, notes: list[str]
) -> Estimate:
    """What the fit θ of data says, with the curvature ``prior`` of what was asked beside them."""
    sensitivity = np.asarray(model.sensitivities(jnp.asarray(theta)))
    residual = np.asarray(model.simulated(jnp.asarray(theta))) - data
    information = sensitivity.T @ sensitivity
    inverse = np.linalg.pinv(information + prior, rcond=1e-14, hermitian=True)
    count, free = len(data), max(len(data) - np.trace(inverse @ information), 1.0)
    variance = float(residual @ residual) / free
    singular = np.linalg.svd(sensitivity, compute_uv=False)
    values, coefficients = model.split(theta)
    spread = np.sqrt(variance * np.clip(np.diag(inverse), 0, None))[: len(model.scales)] * model.scales
    deviations = {p.name: float(s) for p, s in zip(model.parameters, spread, strict=True)}
    shown = ", ".join(f"{s:.2e}" for s in singular[:6]) + (" …" if len(singular) > 6 else "")
    notes.append(f"singular values of the sensitivities: {shown}")
    if not model.fields and singular[-1] < _BLIND * singular[0]:
        notes.append("the data do not see one combination of parameters: its value is the start's")
    notes.append(f"misfit {np.sqrt(np.mean(residual**2)):.3g} standard deviations over {count} observations")
    resolution, place = {}, len(model.parameters)
    whole = np.diag(inverse @ information)
    for basis in model.fields:
        own = slice(place, place + int(np.prod(basis.shape)))
        decided = np.minimum(whole[own], well_seen(information[own, own], basis.gram()))
        resolution[basis.name] = decided.reshape(basis.shape)
        place = own.stop
        notes += resolution_notes(model.problem, basis, whole[own].sum(), resolution[basis.name], strength)
    return Estimate(
        values, deviations, _intervals(values, deviations), coefficients, resolution, singular,
        float(np.mean(residual**2)), inverse, tuple(notes),
    )  # fmt: skip


def widened(model: Model, theta: np.ndarray, estimate: Estimate) -> Estimate:
    """The estimate with the error of a given grid in its deviations, by what twice as many cells change.

    One step of Gauss and Newton tells how far the parameters would move; that is added in the mean square.
    """
    finer = model.finer(theta)
    if finer is None:
        return estimate
    off = finer - np.asarray(model.simulated(jnp.asarray(theta)))
    sensitivity = np.asarray(model.sensitivities(jnp.asarray(theta)))
    moved = -(estimate.covariance @ (sensitivity.T @ off))[: len(model.scales)] * model.scales
    deviations = {
        p.name: float(np.hypot(estimate.deviations[p.name], m))
        for p, m in zip(model.parameters, moved, strict=True)
    }
    note = (
        f"twice as many cells move what is observed by {np.sqrt(np.mean(off**2)):.2g} standard deviations"
        + (", which the intervals contain" if deviations else "; leave solver.cells out to have them refined")
    )  # fmt: skip
    intervals = _intervals(estimate.parameters, deviations)
    return replace(estimate, deviations=deviations, intervals=intervals, notes=(*estimate.notes, note))


def parameter_notes(model: Model, theta: np.ndarray, estimate: Estimate) -> list[str]:
    """Values with their intervals, and which lie on a bound."""
    notes, (low, high) = [], model.bounds
    for i, (name, value) in enumerate(estimate.parameters.items()):
        a, b = estimate.intervals[name]
        notes.append(f"{name} = {value:.6g}, 90 % interval [{a:.6g}, {b:.6g}]")
        if min(abs(theta[i] - low[i]), abs(theta[i] - high[i])) < 1e-6 * max(abs(theta[i]), 1):
            notes.append(f"{name} lies on its bound: the data ask for a value beyond it")
    return notes


def _intervals(values: dict[str, float], deviations: dict[str, float]) -> dict[str, tuple[float, float]]:
    return {n: (values[n] - _NINETY * s, values[n] + _NINETY * s) for n, s in deviations.items()}
