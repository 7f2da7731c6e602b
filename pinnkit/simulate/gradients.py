"""Taylor tests: whether the gradients of a simulation are those of what it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.problem import Problem
from .basis import FieldBasis
from .compiled import compiled
from .forward import BlowUp, ForwardOptions, first_resolution
from .integrate import Adjoint, TimeOptions, integrate
from .simulator import Inputs, Simulator, declared_inputs, needed_fields

_STEPS = 0.5 ** np.arange(2, 8)
_NEAR_TWO = 0.05
_FLAT = 1e-11  # of the functional: remainders this small are rounding, and the functional as good as linear
_TIGHT = 1e-11  # tolerance of the integration: steps that change in number must not show
INTERVALS = 4  # of the splines that stand for a field
_PART = 0.1  # of its size that an argument is moved by

Arguments = dict[str, Array]


@dataclass(frozen=True)
class TaylorTest:
    """|J(θ + hδ) − J(θ) − h ∇J·δ| ~ h^slope for one kind of θ; two where the gradient is right."""

    what: str
    adjoint: str
    slope: float

    @property
    def passed(self) -> bool:
        """Whether the slope is 2.00 ± 0.05."""
        return abs(self.slope - 2) <= _NEAR_TWO

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "failed: the gradient is not that of what is computed"
        return f"{self.what}, {self.adjoint}: slope {self.slope:.3f}, {verdict}"


def taylor_slope(function: Callable[[float], float], derivative: float) -> float:
    """The slope of |J(h) − J(0) − h J′| over steps h from 1/4 down to 1/128, J′ given.

    It is 2 for a functional that is linear to rounding, too, where the remainder vanishes.
    """
    value = function(0.0)
    remainders = np.array([abs(function(h) - value - h * derivative) for h in _STEPS])
    if remainders.max() <= _FLAT * max(abs(value), 1e-300):
        return 2.0
    # The largest steps feel the third order, the smallest rounding: the middle tells.
    return float(np.polyfit(np.log(_STEPS[2:]), np.log(np.maximum(remainders[2:], 1e-300)), 1)[0])


def check_gradients(problem: Problem, options: ForwardOptions | None = None) -> tuple[TaylorTest, ...]:
    """A Taylor test for every parameter, every inferred field and the initial state.

    Reverse mode through checkpoints and forward mode are tested; J is the mean square of the states over all
    times, on the first grid that a simulation would take. Raises ``FormUnavailable`` and ``BlowUp``.
    """
    return tuple(Tested(problem, options or ForwardOptions()).tests())


class Tested:
    """J as a function of everything that a run may ask gradients by, compiled once for each mode."""

    def __init__(self, problem: Problem, options: ForwardOptions):
        self.problem = problem
        self.bases = {f"field {f.func.__name__}": FieldBasis(problem, f.func.__name__, INTERVALS)
                      for f in problem.inferred}  # fmt: skip
        self.theta: Arguments = {f"parameter {p.name}": jnp.asarray(p.value) for p in problem.parameters}
        self.theta |= {name: jnp.ones(basis.shape) for name, basis in self.bases.items()}
        self.begun = first_resolution(problem, options, lambda s: self._inputs(s, self.theta))
        start = self.begun.simulator.start(self._inputs(self.begun.simulator, self.theta))
        self.theta["initial state"] = jnp.zeros_like(start)
        self.size = float(jnp.max(jnp.abs(start)))

    def tests(self) -> Iterator[TaylorTest]:
        """Two for every argument: reverse and forward."""
        both = compiled(jax.value_and_grad(lambda theta: self._functional(theta, "checkpointed")))
        value, gradient = both(self.theta)
        if not jnp.isfinite(value):
            raise BlowUp(f"{self.problem.name}: the simulation blows up: no gradient to be tested")

        @compiled
        def pushed(theta: Arguments, direction: Arguments) -> tuple[Array, Array]:
            return jax.jvp(lambda v: self._functional(v, "forward"), (theta,), (direction,))

        still = jax.tree.map(jnp.zeros_like, self.theta)
        for what, value in self.theta.items():
            direction = {**still, what: self._direction(what, value)}

            def moved(h: float, along: Arguments = direction) -> float:
                at = jax.tree.map(lambda v, d: v + h * d, self.theta, along)
                return float(pushed(at, still)[0])

            reverse = float(jnp.vdot(gradient[what], direction[what]))
            tangent = float(pushed(self.theta, direction)[1])
            yield TaylorTest(what, "reverse mode", taylor_slope(moved, reverse))
            yield TaylorTest(what, "forward mode", taylor_slope(moved, tangent))

    def _direction(self, what: str, value: Array) -> Array:
        if value.ndim == 0:
            return _PART * jnp.maximum(jnp.abs(value), _PART)
        return _PART * (self.size or 1.0 if what in ("initial state", "load") else 1.0) * _wave(value.shape)

    def _inputs(self, simulator: Simulator, theta: Arguments) -> Inputs:
        lines = [simulator.grid.line(axis) for axis in range(len(simulator.grid.counts))]
        wanted, fields = needed_fields(simulator), {}
        for name, basis in self.bases.items():
            fields |= basis.jets(theta[name], lines, wanted)
        declared = declared_inputs(self.problem).parameters
        return Inputs({name: theta[f"parameter {name}"] for name in declared}, fields)

    def _functional(self, theta: Arguments, mode: Adjoint) -> Array:
        simulator, level, scheme, most = self.begun
        inputs, clock = self._inputs(simulator, theta), self.problem.time
        times = jnp.linspace(clock.start, clock.end, 9)
        substeps = max(1, level.substeps * (level.slices - 1) // 8)
        control = TimeOptions(scheme, _TIGHT, substeps, 4 * most, mode)
        start = simulator.start(inputs) + theta["initial state"]
        return jnp.mean(integrate(simulator, inputs, start, times, control).values ** 2)


def _wave(shape: tuple[int, ...]) -> Array:
    """A smooth direction without symmetry."""
    axes = [np.sin(1.3 + 2.1 * np.linspace(0, 1, n) * (k + 1)) for k, n in enumerate(shape)]
    return jnp.asarray(np.prod(np.meshgrid(*axes, indexing="ij"), axis=0))
