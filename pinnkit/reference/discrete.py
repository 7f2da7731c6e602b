"""One solve of a system on one mesh."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import scipy.sparse as sps
import sympy as sp

from ..forms.emit import emit
from ..forms.states import almost_everywhere
from .assembly import Assembler, IntegrationSet
from .base import ReferenceUnavailable
from .breaks import time_breaks
from .constraints import Constraints, floating_unknowns, refuse_left_over, refuse_spikes
from .continuation import continued
from .dense_output import Trajectory
from .elements import Array, tabulate
from .fields import DiscreteField
from .gauss import integrate_second_order
from .kernels import Channel, Integrand, Kernel, Symbols
from .linear import Singular, factorise, singular
from .locate import Locator
from .mesh import FiniteMesh
from .newton import Diverged, newton
from .radau import NODES, Radau
from .rows import Rows
from .spaces import Space, SpaceProduct
from .stabilise import Stabilisation
from .system import System


class Discretisation:
    """A system on a mesh: spaces of a degree, the assembler and the constraints.

    ``guide`` is a coarser solution, by which the cells are chosen where convection needs stabilisation.
    """

    def __init__(self, system: System, mesh: FiniteMesh, degree: int, guide: DiscreteField | None = None):
        self.system, self.mesh, self.degree = system, mesh, degree
        spaces: dict[int, Space] = {}
        degrees = [degree - (k in system.lowered) for k in range(system.count)]
        for p in degrees:
            if p not in spaces:
                spaces[p] = Space.on(mesh, p, system.periodic)
        self.product = SpaceProduct(tuple(spaces[p] for p in degrees))
        order = self._order
        cells = IntegrationSet.in_parts(mesh, order)
        self.stabilisation = Stabilisation(system, self.product, cells, guide)
        parts = [*((system.cells, s) for s in cells), *self.stabilisation.parts]
        for name, kernel in system.boundary.items():
            parts += [(kernel, s) for s in IntegrationSet.of_facets(mesh, mesh.named(name), order)]
        self._parts = parts
        self.assembler = Assembler(self.product, parts)

    @property
    def _order(self) -> int:
        """Quadrature for products of two shape functions; curved cells and lines get a little more."""
        extra = 2 if self.mesh.dimension == 1 else self.mesh.geometry_degree - 1
        return max(2 * self.degree + extra, 2)

    @cached_property
    def masses(self) -> list[Array]:
        """∫ φᵢ (n,) of each unknown's shape functions."""
        domain = IntegrationSet.of_cells(self.mesh, self.degree + 2)
        result = []
        for space in self.product.spaces:
            local = domain.weights @ tabulate(self.mesh.dimension, space.degree, domain.reference)[..., 0].T
            result.append(np.bincount(space.cell_dofs.ravel(), local.ravel(), minlength=space.size))
        return result

    @cached_property
    def constraints(self) -> Constraints:
        """Dirichlet values, fixed points, and one fixed number for each unknown known up to a constant."""
        chosen: dict[int, tuple[int, sp.Expr, Array]] = {}
        for essential in self.system.essential:
            space = self.product.spaces[essential.unknown]
            dofs = space.facet_dofs(self.mesh.named(essential.where))
            for dof, place in zip(dofs, space.positions[dofs], strict=True):
                chosen[int(dof) + self.product.offsets[essential.unknown]] = (
                    id(essential),
                    essential.value,
                    place,
                )
        fixed = np.array(sorted(chosen), np.int64)
        groups: dict[int, tuple[sp.Expr, list[int]]] = {}
        for row, dof in enumerate(fixed):
            key, expression, _ = chosen[int(dof)]
            groups.setdefault(key, (expression, []))[1].append(row)
        places = np.array([chosen[int(d)][2] for d in fixed]).reshape(len(fixed), self.mesh.dimension)
        parts = [(np.array(rows), [self._data(e, r) for r in range(3)]) for e, rows in groups.values()]

        floating, balanced = floating_unknowns(self.assembler, fixed)
        # Further points hold more than the constant, such as the turning of an elastic body.
        pins = [p.unknown for p in self.system.pins]
        floating, balanced = (tuple(k for k in ks if pins.count(k) < 2) for ks in (floating, balanced))
        # Any vertex will do to hold an unknown that is known up to a constant; it is shifted afterwards.
        held = [self._vertex_dof(k) for k in floating]
        pinned = [p for p in self.system.pins if p.unknown not in floating]
        points = [self._pin_dof(p) for p in pinned]
        extra = np.array([*held, *points], np.int64)
        for row, pin in enumerate(pinned, len(fixed) + len(held)):
            parts.append((np.array([row]), [self._data(pin.value, r) for r in range(3)]))
        at = [np.zeros((len(held), self.mesh.dimension)), *(np.array([p.at]) for p in pinned)]
        places = np.concatenate([places, *at])

        def values(time: float, rate: int) -> Array:
            result = np.zeros(len(fixed) + len(extra))
            for rows, functions in parts:
                result[rows] = functions[rate](places[rows], time)
            return result

        alone = tuple(np.setdiff1d(points, fixed).astype(int).tolist())
        prescribed = np.concatenate([fixed, extra])
        return Constraints(self.product.size, prescribed, values, floating, balanced, alone)

    def _vertex_dof(self, unknown: int) -> int:
        space = self.product.spaces[unknown]
        return int(space.cell_dofs[0, 0]) + self.product.offsets[unknown]

    def _pin_dof(self, pin) -> int:
        space = self.product.spaces[pin.unknown]
        distance = np.linalg.norm(space.positions - np.array(pin.at), axis=1)
        nearest = int(np.nanargmin(distance))
        if distance[nearest] > 1e-8 * self.mesh.extent:
            at = ", ".join(f"{c:g}" for c in pin.at)
            raise ReferenceUnavailable(
                f"finite elements: {self.system.names[pin.unknown]} is given at ({at}), no mesh vertex",
                reason="a point holds an unknown only if it is otherwise known up to a constant",
                mend="give the value on a boundary, or at a corner of the domain",
            )
        return nearest + self.product.offsets[pin.unknown]

    def _data(self, expression: sp.Expr, rate: int) -> Callable[[Array, float], Array]:
        """(points (n, d), time) → ∂ₜ^rate of an expression in the variables."""
        symbols = self.system.symbols
        expression = symbols.number(expression)
        clock_symbol = [symbols.time] if symbols.time is not None else []
        if rate:
            slope = sp.diff(expression, symbols.time, rate) if clock_symbol else sp.S.Zero
            expression = almost_everywhere(slope)
        function = emit([expression], [*symbols.coordinates, *clock_symbol], np)

        def data(points: Array, time: float) -> Array:
            moment = [np.full(len(points), time)] if clock_symbol else []
            return np.asarray(function(*points.T, *moment)[0], float)

        return data

    def project(self, unknown: int, expression: sp.Expr) -> Array:
        """L2 projection (n,) of an expression at the start of time."""
        space, d = self.product.spaces[unknown], self.mesh.dimension
        domain = IntegrationSet.of_cells(self.mesh, 2 * space.degree + 4)
        table = tabulate(d, space.degree, domain.reference)[..., 0]
        start = self.system.span[0] if self.system.span else 0.0
        flat = self._data(expression, 0)(domain.points.reshape(-1, d), start).reshape(domain.weights.shape)
        load = np.bincount(
            space.cell_dofs.ravel(), ((flat * domain.weights) @ table.T).ravel(), minlength=space.size
        )
        rows = Rows(SpaceProduct((space,)), np.arange(space.size))
        return factorise(self._mass(space, domain, table), False, rows).solve(load)

    @staticmethod
    def _mass(space: Space, domain: IntegrationSet, table: Array) -> sps.spmatrix:
        local = np.einsum("cq,tq,sq->cts", domain.weights, table, table, optimize=True)
        rows = np.broadcast_to(space.cell_dofs[:, :, None], local.shape)
        columns = np.broadcast_to(space.cell_dofs[:, None, :], local.shape)
        return sps.coo_matrix((local.ravel(), (rows.ravel(), columns.ravel()))).tocsc()

    def lift(self, load: float = 0.0) -> Array:
        """Continuation (N,) of all boundary data, −Δu + load·(u − 1) = 0: where Newton starts.

        Starting from zero diverges on the minimal surface; from the harmonic one it takes five steps. With a
        load neither value nor slope is zero throughout, where |∇u|² and u⁴ have no derivative to start with.
        """
        state = np.zeros(self.product.size)
        constraints = self.constraints
        state[constraints.fixed] = constraints.values(0.0, 0)
        symbols = self.system.symbols
        value, *slopes = (sp.Dummy(name) for name in ("u", *(f"u_{c}" for c in symbols.coordinates)))
        channels = {s: Channel(0, axis, 0) for axis, s in enumerate((value, *slopes))}
        alphabet = Symbols(symbols.coordinates, None, (), channels, {})
        kernel = Kernel([Integrand(0, tuple(-s for s in slopes), sp.Float(load) * value)], alphabet)
        domain = IntegrationSet.of_cells(self.mesh, self._order)
        matrices: dict[int, sps.csr_matrix] = {}
        for k, space in enumerate(self.product.spaces):
            part = self.product.part(k)
            own = (
                constraints.fixed[(constraints.fixed >= part.start) & (constraints.fixed < part.stop)]
                - part.start
            )
            if not load and (not len(own) or not state[part].any()):
                continue
            if space.degree not in matrices:
                assembler = Assembler(SpaceProduct((space,)), [(kernel, domain)])
                matrices[space.degree] = assembler.jacobian(0.0, (np.zeros(space.size),))[0]
            stiffness = matrices[space.degree]
            free = np.setdiff1d(np.arange(space.size), own)
            right = (load * self.masses[k] - stiffness @ state[part])[free]
            rows = Rows(SpaceProduct((space,)), free)
            state[part.start + free] = factorise(stiffness[free][:, free], False, rows).solve(right)
        return state

    def _continued(self, coarse: DiscreteField) -> Array:
        """A coarser solution (N,) at the nodes of this mesh."""
        state = np.zeros(self.product.size)
        for k, (name, space) in enumerate(zip(coarse.names, self.product.spaces, strict=True)):
            placed = np.flatnonzero(~np.isnan(space.positions).any(axis=1))
            state[self.product.offsets[k] + placed] = coarse.evaluate(space.positions[placed])[name]
        return state

    def solve(self, coarse: DiscreteField | None = None) -> DiscreteField:
        """The steady solution; a nonlinear one is sought from a coarser solution where there is one.

        Where Newton's method does not get there, the nonlinearity is let in by degrees, and where that fails
        at once, it starts elsewhere; a saddle point is stabilised when nothing else helps.
        """
        if self.assembler.linear:
            start = np.zeros(self.product.size)
        else:
            start = self.lift() if coarse is None else self._continued(coarse)
        try:
            state = self._found(start)
        except Singular as cause:
            raise singular(self._moving(cause.mode)) from None
        except Diverged:
            reserve = self.stabilisation.take_reserve()
            if not reserve:
                raise
            self.assembler = Assembler(self.product, [*self._parts, *reserve])
            state = self._found(self.lift())
        refuse_left_over(self.assembler, self.constraints, state)
        refuse_spikes(self.assembler, self.constraints, state)
        field = DiscreteField(self.system.names, self.product, coefficients=state)
        return self._settled(field)

    def _moving(self, mode: Array | None) -> str:
        """The names of the unknowns that a vector on the free degrees of freedom moves."""
        if mode is None:
            return ""
        whole = np.zeros(self.product.size)
        whole[self.constraints.free] = np.abs(mode)
        sizes = [whole[self.product.part(k)].max(initial=0.0) for k in range(len(self.system.names))]
        pairs = zip(self.system.names, sizes, strict=True)
        return ", ".join(name for name, size in pairs if size > 1e-3 * max(sizes))

    def _found(self, start: Array) -> Array:
        problem, rest = (self.assembler, self.constraints), (self.system.saddle, self.masses)
        try:
            return newton(*problem, start, *rest)[0]
        except (Diverged, Singular) as first:
            # A derivative that vanishes at the start, as |∇u|²∇u has, makes it singular there only.
            if self.assembler.linear:
                raise
            try:
                return continued(*problem, self.lift(), *rest)
            except Diverged as cause:
                try:
                    return newton(*problem, self.lift(load=1.0), *rest)[0]
                except ReferenceUnavailable:
                    raise (first if isinstance(first, Singular) else cause) from None

    def integrate(
        self, tolerance: float, steps: int | Array, report: Callable[[float], None] | None = None
    ) -> DiscreteField:
        """The transient solution.

        Of second order in time: in ``steps`` equal steps. Of first order: within ``tolerance`` of a step's
        error, or in given steps where ``steps`` are the moments between them. ``report`` hears the part that
        is done and may raise to stop.
        """
        system, span = self.system, self.system.span
        assert span is not None
        start = np.zeros(self.product.size)
        rate = np.zeros(self.product.size)
        for (unknown, order), expression in system.initial.items():
            (rate if order else start)[self.product.part(unknown)] = self.project(unknown, expression)
        if system.order == 2:
            assert isinstance(steps, int)
            trajectory = integrate_second_order(
                self.assembler, self.constraints, (start, rate), span, steps, report, time_breaks(system)
            )
        else:
            problem = (self.assembler, self.constraints, start, span, tolerance, system.saddle)
            radau = Radau(*problem, system.differential, time_breaks(system))
            trajectory = radau.run(report) if isinstance(steps, int) else radau.follow(steps, report)
        return self._settled(DiscreteField(system.names, self.product, trajectory=trajectory))

    def _settled(self, solution: DiscreteField) -> DiscreteField:
        """Unknowns known up to a constant brought to their value at a point, or to mean zero."""
        constraints = self.constraints
        if not constraints.floating:
            return solution
        moving = solution.trajectory is not None
        states = solution.trajectory.nodes.copy() if moving else solution.coefficients[None].copy()
        moments = solution.trajectory.moments(NODES) if moving else np.zeros(1)
        for k in constraints.floating:
            space, part, mass = self.product.spaces[k], self.product.part(k), self.masses[k]
            pin = next((p for p in self.system.pins if p.unknown == k), None)
            if pin is None:
                level = states[..., part] @ mass / (space.constant() @ mass)
            else:
                cells, reference = Locator(self.mesh).locate(np.array([pin.at]))
                level = space.evaluate(states[..., part], cells, reference)[..., 0]
                given, at = self._data(pin.value, 0), np.array([pin.at])
                values = [given(at, moment)[0] for moment in moments.ravel()]
                level = level - np.reshape(values, moments.shape)
            states[..., part] -= level[..., None] * space.constant()
        if not moving:
            return DiscreteField(solution.names, solution.product, coefficients=states[0])
        old = solution.trajectory
        return DiscreteField(
            solution.names, solution.product, trajectory=Trajectory(old.times, states, old.basis)
        )
