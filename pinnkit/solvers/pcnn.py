"""Physics-constrained network: unknowns and fluxes together, equations of first order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._base import Formulation, Requirement, TrainedSolver, Upon
from ._collocation_options import CollocationOptions

if TYPE_CHECKING:
    from jax import Array

    from ..declare import Problem
    from ..fields.derivatives import Index
    from ..fields.model import Fields


def _has_flux(problem: Problem) -> bool:
    from ..declare.errors import DeclarationError
    from ..forms.errors import FormUnavailable
    from ..forms.mixed import mixed_form

    try:
        mixed_form(problem)
    except (FormUnavailable, DeclarationError):  # no flux, or conditions without a place
        return False
    return True


class Pcnn(TrainedSolver):
    """Minimises mean(|σ − F(u, ∇u)|²) + mean((∇·σ + S)²) over networks for (u, σ).

    Values of u, initial states and fluxes through boundaries that face along an axis are exact. With
    `conditions: soft` they are left to the loss, by `weights.conditions` as a penalty or by
    `weighting: augmented_lagrangian`. The residual that is told of an equation is ∇·σ + S.
    """

    name = "pcnn"
    summary = "network for unknowns and their fluxes, equations of first order; diffusion with coefficients"
    references = (
        "Zhu, Zabaras, Koutsourelakis & Perdikaris, J. Comput. Phys. 394 (2019)",
        "Lu, Pestourie, Yao, Wang, Verdugo & Johnson, SIAM J. Sci. Comput. 43 (2021)",
    )
    requires = (Requirement("an equation whose flux holds gradients", _has_flux),)
    options = CollocationOptions

    def build(
        self, problem: Problem, options: CollocationOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Collocation for the mixed problem, which answers for the declared unknowns."""
        import jax.numpy as jnp

        from ..forms.mixed import mixed_form
        from ._collocation import formulate

        mixed = mixed_form(problem)
        whole = formulate(mixed.problem, options, seed, declared=problem, upon=upon)
        assert whole.residuals is not None
        names, told, found = problem.unknown_names, whole.residuals, whole

        def evaluate(fields: Fields, x: Array) -> dict[str, Array]:
            values = found.evaluate(fields, x)
            return {name: values[name] for name in names}

        def derivatives(fields: Fields, x: Array, indices: tuple[Index, ...]) -> dict[str, Array]:
            values = found.derivatives(fields, x, indices)
            return {name: values[name] for name in names}

        def residuals(fields: Fields, x: Array) -> dict[str, Array]:
            values = told(fields, x)
            return {equation.name: values[equation.name] for equation in problem.equations}

        def fluxes(fields: Fields, x: Array) -> dict[str, Array]:
            values = found.evaluate(fields, x)
            return {
                name: jnp.stack([values[component] for component in own], axis=1)
                for name, own in mixed.fluxes.items()
            }

        listed = "; ".join(f"{name}: {', '.join(own)}" for name, own in mixed.fluxes.items())
        return replace(
            whole, evaluate=evaluate, derivatives=derivatives, residuals=residuals, fluxes=fluxes,
            notes=(*whole.notes, f"fluxes as unknowns of {listed}"),
        )  # fmt: skip
