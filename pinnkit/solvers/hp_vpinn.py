"""hp-VPINN: residuals tested on the cells of the domain."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ._base import Formulation, Requirement, TrainedSolver, Upon
from ._variational_options import CellOptions, CellTestOptions, RefineOptions, VariationalOptions

if TYPE_CHECKING:
    from ..declare import Problem


class HpVpinnOptions(VariationalOptions):
    """Options of `hp_vpinn`."""

    tests: CellTestOptions = CellTestOptions()
    cells: CellOptions = CellOptions()
    refine: RefineOptions = RefineOptions()


class HpVpinn(TrainedSolver):
    """Minimises Σₑ RᵀG⁻¹R with R the equations tested on cell e and G the Gram matrix of its tests."""

    name = "hp_vpinn"
    summary = "network with weak residuals on cells; boxes, shapes and meshes up to three dimensions"
    references = (
        "Kharazmi, Zhang & Karniadakis, Comput. Methods Appl. Mech. Eng. 374 (2021)",
        "Anandh, Ghose, Jain & Ganesan, arXiv 2404.12063 (2024)",
        "Rojas, Maczuga, Muñoz-Matute, Pardo & Paszyński, Comput. Methods Appl. Mech. Eng. 425 (2024)",
    )
    requires = (
        Requirement("at most three coordinates", lambda problem: len(problem.coordinates) <= 3),
    )
    options = HpVpinnOptions

    def build(
        self, problem: Problem, options: HpVpinnOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Networks for the unknowns, blocks of tested residuals, one for each condition that is soft."""
        from ._cells import CellTests, patch_tests
        from ._refinement import CellRefinement
        from ._variational import Assembly

        if options.tests.on != "cells":
            patches = patch_tests(problem, options, options.tests, options.cells, options.refine)
            spanned = Assembly(problem, options, seed, upon=upon)
            return spanned.formulation(lambda: spanned.posed(patches))
        growing = options.refine.rounds > 0
        raised = growing and options.refine.by != "h"
        highest = options.refine.highest_order if raised else None
        tests = CellTests(problem, options, options.cells, highest)
        assembly = Assembly(problem, options, seed, growing, upon)
        refinement = CellRefinement(tests, assembly, options.refine)
        made = assembly.formulation(lambda: refinement.posed(refinement.start()))
        first, *others = made.schedule
        again = (replace(first, refine=True), *others)
        return replace(made, refinement=refinement, schedule=made.schedule + again * options.refine.rounds)
