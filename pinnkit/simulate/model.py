"""Observations by simulation as a function of what is to be inferred, and the derivatives of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.errors import DeclarationError
from ..declare.measurements import read_measurements
from ..declare.problem import Problem
from ..declare.symbols import Parameter
from .basis import FieldBasis
from .beginning import Beginning
from .forward import Forward, ForwardOptions, simulate
from .integrate import TimeOptions, integrate
from .observe import Sampler
from .record import PAD, extended_lines
from .regularity import HELD, held_rows
from .simulator import Inputs, Simulator, needed_fields

_UNSTATED_NOISE = 0.01  # of the data's spread, where no noise is declared
FITTING = 1e-5  # relative error of the simulations while fitting


@dataclass(frozen=True)
class InverseOptions:
    """``intervals`` of the splines along each side of a field, ``steps`` of each fit at most.

    It begins with ``start``, or else with the values declared and the smoothest fields.
    """

    intervals: int = 8
    steps: int = 40
    start: Beginning | None = None


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
        self._forward = forward
        self._compile(simulate(self.problem, forward, self.inputs(self.start)))

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest θ."""
        low, high = np.full(len(self.start), -np.inf), np.full(len(self.start), np.inf)
        for i, p in enumerate(self.parameters):
            if p.bounds is not None:
                low[i], high[i] = np.array(p.bounds) / self.scales[i]
        return low, high

    def finer(self, theta: np.ndarray) -> np.ndarray | None:
        """``simulated`` on a grid twice as fine; None where the resolution was chosen by its error."""
        if self._forward.points is None:
            return None
        finer = replace(self._forward, points=2 * self._forward.points)
        field = simulate(self.problem, finer, self.inputs(theta)).field
        rows = zip(self.points, self.rows, self.sigma, strict=True)
        return np.concatenate([field(points)[name] / sigma for points, name, sigma in rows])

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
        rows = np.concatenate([HELD * matrix, basis.roughness()])
        right = np.concatenate([HELD * data, np.zeros(len(rows) - len(data))])
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


def _scale(parameter: object) -> float:
    """The size of a parameter: its start, else the width of its bounds."""
    width = parameter.bounds[1] - parameter.bounds[0] if parameter.bounds else 1.0
    return abs(parameter.value) or width
