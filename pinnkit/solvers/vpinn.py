"""VPINN: residuals tested on the whole domain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._base import Formulation, Requirement, TrainedSolver, Upon
from ._variational_options import GlobalTestOptions, VariationalOptions

if TYPE_CHECKING:
    from ..declare import Problem

_POINTS_A_TEST = 2  # along an axis


class VpinnOptions(VariationalOptions):
    """Options of `vpinn`."""

    tests: GlobalTestOptions = GlobalTestOptions()


class Vpinn(TrainedSolver):
    """Minimises RᵀG⁻¹R with R the equations tested on the whole domain and G the Gram matrix of the tests."""

    name = "vpinn"
    summary = "network with weak residuals, tested on the whole domain; shapes up to three dimensions"
    references = (
        "Kharazmi, Zhang & Karniadakis, arXiv 1912.00873 (2019)",
        "Rojas, Maczuga, Muñoz-Matute, Pardo & Paszyński, Comput. Methods Appl. Mech. Eng. 425 (2024)",
    )
    requires = (
        Requirement("at most three coordinates", lambda problem: len(problem.coordinates) <= 3),
        Requirement("a domain that is no mesh file", lambda problem: problem.domain.kind != "mesh"),
    )
    options = VpinnOptions

    def build(
        self, problem: Problem, options: VpinnOptions, seed: int, upon: Upon | None = None
    ) -> Formulation:
        """Networks for the unknowns, blocks of tested residuals, one for each condition that is soft."""
        import numpy as np

        from ..declare.errors import DeclarationError
        from ..fields.distance import NoDistance
        from ..variational.buckets import TimeCells
        from ..variational.global_tests import GlobalTests
        from ._variational import Assembly, time_points

        tests, d, time = options.tests, len(problem.coordinates), problem.time
        points = (_POINTS_A_TEST * tests.order + 4) ** d if tests.quadrature is None else tests.quadrature
        if points < (tests.order + 1) ** d:
            raise DeclarationError(
                f"tests: order {tests.order} with {points} quadrature points", section="tests",
                expected="more points along an axis than tests",
                mend=f"quadrature: {(tests.order + 1) ** d} or more, or leave it out",
            )  # fmt: skip
        slabs = None
        if time is not None:
            slabs = TimeCells(np.array([[time.start, time.end]]), tests.time_order, time_points(tests))
        assembly = Assembly(problem, options, seed, upon=upon)
        try:
            found = GlobalTests(problem.domain, tests.order, points, slabs, options.form == 3)
            return assembly.formulation(lambda: assembly.posed(found))
        except NoDistance as fault:
            raise DeclarationError(
                f"vpinn: {fault}", expected="a boundary with a smooth distance function",
                mend="take hp_vpinn, whose tests live on cells",
            ) from None  # fmt: skip
