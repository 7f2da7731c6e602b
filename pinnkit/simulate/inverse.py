"""Parameters and fields from observations: least squares through the simulator, and what data tell."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

from ..declare.problem import Problem
from .estimate import Estimate, estimated, parameter_notes, widened
from .forward import ForwardOptions, simulate
from .model import FITTING, InverseOptions, Model
from .regularity import field_rows
from .trajectory import Solved, SplineField, SplineFields

_ROUGHEST, _WEAKENED, _STAGES = 1e2, 0.1, 9
_LOST = 1e6  # residual of a trial whose simulation blew up: it is rejected
_SETTLED, _SETTLED_FIELD = 1e-10, 1e-5  # relative changes that end a fit; of fields, smoothness blurs more


def solve(problem: Problem, forward: ForwardOptions, options: InverseOptions) -> Solved:
    """Simulate a problem; parameters and fields to be inferred are found from its observations first."""
    if not problem.inferred and not any(p.infer for p in problem.parameters):
        found = simulate(problem, forward)
        return Solved(SplineFields([found.field]), {}, found.notes)
    model = Model(problem, replace(forward, tolerance=max(forward.tolerance, FITTING)), options)
    theta, estimate = infer(model)
    estimate = widened(model, theta, estimate)
    found = simulate(problem, forward, model.inputs(theta))
    clock = problem.time
    span = np.array([clock.start, clock.start, clock.end, clock.end])
    parts = [found.field]
    for basis in model.fields:
        values = estimate.coefficients[basis.name]
        constant = np.stack([values, values], axis=-1)[..., None]  # the same at both ends of time
        parts.append(SplineField([basis.name], [*basis.knots, span], (*basis.degrees, 1), constant))
    notes = (*found.notes, *parameter_notes(model, theta, estimate), *estimate.notes)
    return Solved(SplineFields(parts), estimate.parameters, notes)


def infer(model: Model, observed: np.ndarray | None = None) -> tuple[np.ndarray, Estimate]:
    """θ of least squares, and what it says; ``observed`` replaces the data, in standard deviations.

    min ‖(simulated − observed)/σ‖² + λ ∫ Σᵢ (Lᵢ² ∂ᵢ²a)²/|Ω| for every field a, λ the largest of a
    geometric sequence at which the misfit is that of the noise (Morozov 1966), by a trust-region
    Levenberg–Marquardt method within the bounds (Branch, Coleman & Li 1999). Covariance: s² (JᵀJ)⁻¹.
    """
    data = model.observed if observed is None else observed
    lower, upper = model.bounds
    theta, notes = model.start.copy(), []
    smooth, held, target = field_rows(model.problem, model.fields, len(model.parameters))
    lost = 0
    settled = _SETTLED_FIELD if model.fields else _SETTLED
    strengths = [_ROUGHEST * _WEAKENED**k for k in range(_STAGES)] if model.fields else [0.0]
    fitted, strength = theta, strengths[0]
    for strength in strengths:

        def residual(trial: np.ndarray, weight: float = strength) -> np.ndarray:
            nonlocal lost
            found = np.asarray(model.simulated(jnp.asarray(trial))) - data
            if not np.isfinite(found).all():
                lost += 1
                found = np.full_like(found, _LOST)
            return np.concatenate([found, np.sqrt(weight) * smooth @ trial, held @ trial - target])

        def jacobian(trial: np.ndarray, weight: float = strength) -> np.ndarray:
            found = np.asarray(model.sensitivities(jnp.asarray(trial)))
            return np.concatenate([found, np.sqrt(weight) * smooth, held])

        answer = least_squares(
            residual, np.clip(theta, lower, upper), jacobian, (lower, upper), x_scale="jac",
            ftol=settled, xtol=settled, gtol=1e-12, max_nfev=model.options.steps,
        )  # fmt: skip
        theta = fitted = answer.x
        misfit = float(np.mean(answer.fun[: len(data)] ** 2))
        if misfit <= 1.0:
            break
    if lost:
        notes.append(f"{lost} trial simulation(s) blew up and were rejected")
    prior = strength * smooth.T @ smooth + held.T @ held
    return fitted, estimated(model, fitted, data, prior, strength, notes)
