"""Parameters and fields from observations: least squares through the simulator, and what data tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.optimize import least_squares

from ..declare.conditions import Dirichlet
from ..declare.errors import DeclarationError
from ..declare.functions import evaluate
from ..declare.measurements import read_measurements
from ..declare.problem import Problem
from ..declare.symbols import Parameter
from ..geometry.sampling import boundary
from .basis import FieldBasis
from .beginning import Beginning
from .forward import PAD, Forward, ForwardOptions, extended_lines, simulate
from .integrate import TimeOptions, integrate
from .observe import Sampler
from .simulator import Inputs, Simulator, needed_fields
from .trajectory import Solved, SplineField, SplineFields

_NINETY = 1.6449  # standard deviations on either side that hold 90 % of a normal distribution
_UNSTATED_NOISE = 0.01  # of the data's spread, where no noise is declared
_HELD = 1e3  # weight of conditions on inferred fields against one standard deviation of the data
_ROUGHEST, _WEAKENED, _STAGES = 1e2, 0.1, 9
_LOST = 1e6  # residual of a trial whose simulation blew up: it is rejected
_SETTLED, _SETTLED_FIELD = 1e-10, 1e-5  # relative changes that end a fit; of fields, smoothness blurs more
_BLIND = 1e-8  # singular values below this part of the largest: a direction that the data do not see
_RESOLVED = 0.5
_FITTING = 1e-5  # relative error of the simulations while fitting


@dataclass(frozen=True)
class InverseOptions:
    """``intervals`` of the splines along each side of a field, ``steps`` of each fit at most.

    It begins with ``start``, or else with the values declared and the smoothest fields.
    """

    intervals: int = 8
    steps: int = 40
    start: Beginning | None = None


@dataclass(frozen=True)
class Estimate:
    """Parameters with standard deviations and 90 % intervals, fields as spline coefficients.

    ``singular_values`` are those of the sensitivities, data in standard deviations, parameters in units of
    their start; ``resolution`` (by field, on its coefficients) is one where data decide and zero where the
    regulariser does.
    """

    parameters: dict[str, float]
    deviations: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    coefficients: dict[str, np.ndarray]
    resolution: dict[str, np.ndarray]
    singular_values: np.ndarray
    misfit: float
    notes: tuple[str, ...]


def solve(problem: Problem, forward: ForwardOptions, options: InverseOptions) -> Solved:
    """Simulate a problem; parameters and fields to be inferred are found from its observations first."""
    if not problem.inferred and not any(p.infer for p in problem.parameters):
        found = simulate(problem, forward)
        return Solved(SplineFields([found.field]), {}, found.notes)
    model = Model(problem, replace(forward, tolerance=max(forward.tolerance, _FITTING)), options)
    theta, estimate = infer(model)
    found = simulate(problem, forward, model.inputs(theta))
    clock = problem.time
    span = np.array([clock.start, clock.start, clock.end, clock.end])
    parts = [found.field]
    for basis in model.fields:
        values = estimate.coefficients[basis.name]
        constant = np.stack([values, values], axis=-1)[..., None]  # the same at both ends of time
        parts.append(SplineField([basis.name], [*basis.knots, span], (*basis.degrees, 1), constant))
    return Solved(SplineFields(parts), estimate.parameters, (*found.notes, *estimate.notes))


class Model:
    """Observations by simulation, in standard deviations, as a function of one vector θ.

    θ holds the inferred parameters in units of their scales, then the coefficients of every field.
    """

    def __init__(self, problem: Problem, forward: ForwardOptions, options: InverseOptions):
        self.problem, self.options = problem, options
        self.parameters = [p for p in problem.parameters if p.infer]
        self.fields = [FieldBasis(problem, f.func.__name__, options.intervals) for f in problem.inferred]
        self.scales = np.array([_scale(p) for p in self.parameters])
        self.start = np.concatenate([
            np.array([self._value(p) for p in self.parameters]) / (self.scales if self.parameters else 1.0),
            *(self._first(basis) for basis in self.fields),
        ])  # fmt: skip
        self._read()
        self._prepare(forward)

    def _prepare(self, forward: ForwardOptions) -> None:
        """Set ``simulated`` and ``sensitivities`` at the resolution that the start of the fit asks for."""
        self._compile(simulate(self.problem, forward, self.inputs(self.start)))

    def inputs(self, theta: np.ndarray) -> Callable[[Simulator], Inputs]:
        """What a simulator of any resolution is given for θ."""
        return lambda simulator: self._inputs(simulator, jnp.asarray(theta))

    def split(self, theta: np.ndarray) -> tuple[dict[str, float], dict[str, np.ndarray]]:
        """The parameters' values and the fields' coefficients in θ."""
        count = len(self.parameters)
        values = {p.name: float(v * s) for p, v, s in zip(self.parameters, theta, self.scales, strict=False)}
        coefficients, place = {}, count
        for basis in self.fields:
            size = int(np.prod(basis.shape))
            coefficients[basis.name] = theta[place : place + size].reshape(basis.shape)
            place += size
        return values, coefficients

    def _value(self, parameter: Parameter) -> float:
        begun = self.options.start
        return parameter.value if begun is None else begun.parameters[parameter.name]

    def _first(self, basis: FieldBasis) -> np.ndarray:
        """The field to start from, or the smoothest that meets its conditions; without any, one."""
        if self.options.start is not None:
            return self.options.start.coefficients(basis)
        matrix, data = held_rows(self.problem, basis)
        if not len(data):
            return np.ones(int(np.prod(basis.shape)))
        rows = np.concatenate([_HELD * matrix, basis.roughness()])
        right = np.concatenate([_HELD * data, np.zeros(len(rows) - len(data))])
        return np.linalg.lstsq(rows, right, rcond=None)[0]

    def _inputs(self, simulator: Simulator, theta: Array) -> Inputs:
        values = {p.name: jnp.asarray(p.value) for p in self.problem.parameters}
        count = len(self.parameters)
        values |= {p.name: theta[i] * self.scales[i] for i, p in enumerate(self.parameters)}
        wanted, fields, place = needed_fields(simulator), {}, count
        lines = [simulator.grid.line(axis) for axis in range(len(simulator.grid.counts))]
        for basis in self.fields:
            size = int(np.prod(basis.shape))
            fields |= basis.jets(theta[place : place + size].reshape(basis.shape), lines, wanted)
            place += size
        return Inputs(values, fields)

    def _read(self) -> None:
        self.points, self.data, self.sigma, self.rows = [], [], [], []
        names = [f.func.__name__ for f in self.problem.solved]
        for entry in self.problem.observations:
            points, values = read_measurements(entry, self.problem)
            noise = entry.noise or _UNSTATED_NOISE * float(np.std(values)) or 1.0
            name = entry.unknown.func.__name__
            if name not in names:
                raise DeclarationError(
                    f"observations of {name}: diffsim takes data of the unknowns solved for",
                    expected=f"one of {', '.join(names)}", mend="remove them, or use pinn",
                )  # fmt: skip
            self.points.append(points)
            self.data.append(values)
            self.sigma.append(noise)
            self.rows.append(name)
        self.observed = np.concatenate([d / s for d, s in zip(self.data, self.sigma, strict=True)])
        count = sum(map(len, self.data))
        if count < len(self.parameters):
            raise DeclarationError(
                f"{count} observation(s) for {len(self.parameters)} parameters",
                expected="at least as many values as parameters", mend="add data, or infer fewer",
            )  # fmt: skip

    def _compile(self, coarse: Forward) -> None:
        simulator, level = coarse.simulator, coarse.level
        clock = self.problem.time
        times = jnp.linspace(clock.start, clock.end, level.slices)
        lines = [*extended_lines(simulator), np.asarray(times)]
        samplers = [Sampler(lines, points) for points in self.points]
        position = simulator.shown
        control = TimeOptions(coarse.scheme, 1e-7, level.substeps, coarse.most, "forward")

        def simulated(theta: Array) -> Array:
            inputs = self._inputs(simulator, theta)
            run = integrate(simulator, inputs, simulator.start(inputs), times, control)
            wide = jax.vmap(lambda v, t: simulator.extended(v, t, inputs, PAD))(run.values, times)
            found = []
            for sampler, name, sigma in zip(samplers, self.rows, self.sigma, strict=True):
                found.append(sampler(jnp.moveaxis(wide[:, position[name]], 0, -1)) / sigma)
            return jnp.concatenate(found)

        self.simulated = jax.jit(simulated)
        self.sensitivities = jax.jit(jax.jacfwd(simulated))


def infer(model: Model, observed: np.ndarray | None = None) -> tuple[np.ndarray, Estimate]:
    """θ of least squares, and what it says; ``observed`` replaces the data, in standard deviations.

    min ‖(simulated − observed)/σ‖² + λ ∫ Σᵢ (Lᵢ² ∂ᵢ²a)²/|Ω| for every field a, λ the largest of a
    geometric sequence at which the misfit is that of the noise (Morozov 1966), by a trust-region
    Levenberg–Marquardt method within the bounds (Branch, Coleman & Li 1999). Covariance: s² (JᵀJ)⁻¹.
    """
    data = model.observed if observed is None else observed
    lower, upper = _bounds(model)
    theta, notes = model.start.copy(), []
    smooth, held, target = _field_rows(model)
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
    return fitted, _estimate(model, fitted, data, strength, smooth, held, notes, (lower, upper))


def held_rows(problem: Problem, basis: FieldBasis) -> tuple[np.ndarray, np.ndarray]:
    """Rows and data of the values that are declared for an inferred field on the boundary."""
    rows, data = [np.zeros((0, int(np.prod(basis.shape))))], [np.zeros(0)]
    for condition in problem.of_kind(Dirichlet):
        if condition.unknown.func.__name__ == basis.name:
            points, _ = boundary(problem.domain, condition.where, 200)
            given = dict(zip(problem.coordinates, points.T, strict=True))
            given |= {p: np.full(len(points), p.value) for p in problem.parameters}
            rows.append(basis.at_points(points) / np.sqrt(len(points)))
            data.append(np.broadcast_to(evaluate(condition.value, given), len(points)) / np.sqrt(len(points)))
    return np.concatenate(rows), np.concatenate(data)


def _field_rows(model: Model) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows in θ of the regulariser and of conditions on fields, and the data of the latter."""
    smooth, held, target = [np.zeros((0, len(model.start)))], [np.zeros((0, len(model.start)))], [np.zeros(0)]
    place = len(model.parameters)
    for basis in model.fields:
        size = int(np.prod(basis.shape))
        matrix, data = held_rows(model.problem, basis)
        for rows, own in ((smooth, basis.roughness()), (held, _HELD * matrix)):
            wide = np.zeros((len(own), len(model.start)))
            wide[:, place : place + size] = own
            rows.append(wide)
        target.append(_HELD * data)
        place += size
    return np.concatenate(smooth), np.concatenate(held), np.concatenate(target)


def _bounds(model: Model) -> tuple[np.ndarray, np.ndarray]:
    low, high = np.full(len(model.start), -np.inf), np.full(len(model.start), np.inf)
    for i, p in enumerate(model.parameters):
        if p.bounds is not None:
            low[i], high[i] = np.array(p.bounds) / model.scales[i]
    return low, high


def _scale(parameter: object) -> float:
    """The size of a parameter: its start, else the width of its bounds."""
    width = parameter.bounds[1] - parameter.bounds[0] if parameter.bounds else 1.0
    return abs(parameter.value) or width


def _estimate(
    model: Model, theta: np.ndarray, data: np.ndarray, strength: float, smooth: np.ndarray, held: np.ndarray,
    notes: list[str], bounds: tuple[np.ndarray, np.ndarray],
) -> Estimate:  # fmt: skip
    sensitivity = np.asarray(model.sensitivities(jnp.asarray(theta)))
    residual = np.asarray(model.simulated(jnp.asarray(theta))) - data
    prior = strength * smooth.T @ smooth + held.T @ held
    information = sensitivity.T @ sensitivity
    inverse = np.linalg.pinv(information + prior, rcond=1e-14, hermitian=True)
    count, free = len(data), max(len(data) - np.trace(inverse @ information), 1.0)
    variance = float(residual @ residual) / free
    singular = np.linalg.svd(sensitivity, compute_uv=False)
    deviation = np.sqrt(variance * np.clip(np.diag(inverse), 0, None))
    values, coefficients = model.split(theta)
    deviations, intervals = {}, {}
    for i, p in enumerate(model.parameters):
        spread = deviation[i] * model.scales[i]
        deviations[p.name] = float(spread)
        intervals[p.name] = (values[p.name] - _NINETY * spread, values[p.name] + _NINETY * spread)
        low, high = intervals[p.name]
        notes.append(f"{p.name} = {values[p.name]:.6g}, 90 % interval [{low:.6g}, {high:.6g}]")
        if min(abs(theta[i] - bounds[0][i]), abs(theta[i] - bounds[1][i])) < 1e-6 * max(abs(theta[i]), 1):
            notes.append(f"{p.name} lies on its bound: the data ask for a value beyond it")
    shown = ", ".join(f"{s:.2e}" for s in singular[:6]) + (" …" if len(singular) > 6 else "")
    notes.append(f"singular values of the sensitivities: {shown}")
    if not model.fields and singular[-1] < _BLIND * singular[0]:
        notes.append("the data do not see one combination of parameters: its value is the start's")
    notes.append(f"misfit {np.sqrt(np.mean(residual**2)):.3g} standard deviations over {count} observations")
    resolution, place = {}, len(model.parameters)
    whole = np.diag(inverse @ information)
    for basis in model.fields:
        size = int(np.prod(basis.shape))
        resolution[basis.name] = whole[place : place + size].reshape(basis.shape)
        place += size
        notes += _resolution_notes(model, basis, resolution[basis.name], strength)
    return Estimate(
        values, deviations, intervals, coefficients, resolution, singular, float(np.mean(residual**2)),
        tuple(notes),
    )


def resolution_map(basis: FieldBasis, resolution: np.ndarray, lines: list[np.ndarray]) -> np.ndarray:
    """Between one, where the data decide on a field, and zero, where the regulariser does."""
    return np.asarray(basis.on_lines(jnp.asarray(resolution), lines, (0,) * len(lines)))


def _resolution_notes(model: Model, basis: FieldBasis, resolution: np.ndarray, strength: float) -> list[str]:
    lines = [np.linspace(a, b, 101 if len(basis.bounds) == 1 else 41) for a, b in basis.bounds]
    seen = resolution_map(basis, resolution, lines) >= _RESOLVED
    places = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, len(lines))
    share = seen.ravel()[model.problem.domain.contains(places)].mean()
    notes = [
        f"{basis.name}: cubic splines, {resolution.size} coefficients, smoothness weighed by {strength:.1g}; "
        f"the data decide on {resolution.sum():.1f} of them, over {share:.0%} of the domain"
    ]
    if len(lines) == 1 and not seen.all():
        edges = np.flatnonzero(np.diff(np.r_[True, seen, True].astype(int)))
        gaps = [(lines[0][min(a, 100)], lines[0][min(b, 101) - 1]) for a, b in edges.reshape(-1, 2)]
        shown = ", ".join(f"[{a:.3g}, {b:.3g}]" for a, b in gaps)
        notes.append(f"{basis.name} is not resolvable on {shown}")
    return notes
