"""Collocation: networks, residual blocks and points from a declaration; what strong-form solvers share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..declare.problem import Problem
from ..fields.collocation import Serve, Transform
from ..forms.errors import FormUnavailable
from ..geometry.division import Division
from ..training.least_squares import Block, LeastSquares
from ._base import Formulation, Upon
from ._collocation_defaults import settled
from ._collocation_options import CollocationOptions
from ._collocation_weighting import EQUATIONS, weighting_rules
from ._networks import Draw
from ._points import Points
from ._setup import Settle, Setup

HIGHEST_ORDER = 4


@dataclass(frozen=True)
class Ansatz:
    """What stands for the unknowns where it is not one network over the domain.

    ``draw`` makes the network of a group of unknowns from its key, None as usual; ``serve`` tells which parts
    of it serve a point; ``settle`` decides what options leave open; ``blocks`` are those besides equations,
    conditions and observations, for given transforms of the unknowns. ``division`` is what a drawing shows.
    """

    draw: Draw | None = None
    serve: Serve | None = None
    settle: Settle = settled
    blocks: Callable[[Mapping[str, Transform]], Sequence[Block]] = lambda transforms: ()
    division: Division | None = None
    notes: tuple[str, ...] = ()
    sees_jumps: bool = False
    """Whether fluxes across jumps of coefficients are in the blocks."""


def formulate(
    problem: Problem,
    options: CollocationOptions,
    seed: int,
    declared: Problem | None = None,
    ansatz: Ansatz | None = None,
    upon: Upon | None = None,
) -> Formulation:
    """The least-squares problem of collocation for a declaration.

    ``declared`` is the one whose class decides what is left open, where ``problem`` was derived from it.
    """
    ansatz = ansatz or Ansatz()
    setup = Setup(problem, options, seed, declared, ansatz.settle, ansatz.draw, ansatz.serve, upon)
    strong, soft, options = setup.strong, setup.conditions.soft, setup.options
    if (highest := max(strong.jets, key=lambda jet: jet.order)).order > HIGHEST_ORDER:
        raise FormUnavailable(
            f"collocation for a derivative of order {highest.order} of {highest.unknown}",
            reason=f"networks carry derivatives up to order {HIGHEST_ORDER}",
            mend="introduce an unknown for a lower derivative, with its own equation",
        )

    def pose() -> LeastSquares:
        points = Points(problem, options.points, setup.transforms, seed, ansatz.serve)
        return setup.posed([
            points.interior(EQUATIONS, setup.equations, options.weights.equations),
            *points.conditions(soft, options.weights.conditions),
            *points.observations(options.weights.observations),
            *ansatz.blocks(setup.transforms),
        ])  # fmt: skip

    return setup.formulation(
        pose, weighting_rules(problem, options, len(soft)),
        (*ansatz.notes, *(() if ansatz.sees_jumps else strong.notes)),
        redraw=options.redraw, redraw_every=options.redraw_every, division=ansatz.division,
    )  # fmt: skip
