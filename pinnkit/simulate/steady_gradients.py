"""Taylor tests of the gradients of steady problems by finite elements."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from ..declare.problem import Problem
from .basis import FieldBasis
from .compiled import compiled
from .finite_element import FiniteElements
from .forward import BlowUp
from .gradients import INTERVALS, Arguments, TaylorTest, Tested
from .integrands import Coefficients
from .integrate import Adjoint
from .steady import SteadyOptions, first_mesh


def check_gradients(problem: Problem, options: SteadyOptions | None = None) -> tuple[TaylorTest, ...]:
    """A Taylor test for every parameter, every inferred field and the load, in both modes.

    J is the mean square of the nodal values, on the first mesh that a solution would take. Raises
    ``FormUnavailable`` and ``BlowUp``.
    """
    return tuple(_Steady(problem, options or SteadyOptions()).tests())


class _Steady(Tested):
    """The mean square of a steady solution."""

    def __init__(self, problem: Problem, options: SteadyOptions):
        self.problem = problem
        bases = {f.func.__name__: FieldBasis(problem, f.func.__name__, INTERVALS) for f in problem.inferred}
        own = first_mesh(problem.domain, options.cells)
        self.elements = FiniteElements(problem, own, options.degree, bases)
        declared = self.elements.declared()
        self.theta: Arguments = {f"parameter {n}": v for n, v in declared.parameters.items()}
        self.theta |= {f"field {n}": v for n, v in declared.fields.items()}
        self.theta["load"] = jnp.zeros(self.elements.size)
        state = np.asarray(compiled(self.elements.solve)(declared))
        if not np.isfinite(state).all():
            raise BlowUp(f"{problem.name}: Newton's method finds no solution: no gradient to be tested")
        left = self.elements.residual(jnp.zeros_like(state), declared)
        self.size = float(jnp.max(jnp.abs(left)))

    def _functional(self, theta: Arguments, mode: Adjoint) -> Array:
        def named(kind: str) -> dict[str, Array]:
            return {n.removeprefix(kind): v for n, v in theta.items() if n.startswith(kind)}

        given = Coefficients(named("parameter "), named("field "), theta["load"])
        return jnp.mean(self.elements.solve(given) ** 2)
