"""Finite volumes on boxes: MUSCL reconstruction and local Lax–Friedrichs fluxes, for conservation laws."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from ..declare.conditions import Flux
from ..declare.problem import Problem
from ..forms import FormUnavailable, Jet, conservation_form
from ..forms.jets import jets_in
from .grid import Grid
from .padding import Ghosts
from .sides import Side, boundary_data, side_names, statements
from .simulator import Inputs, Program, Simulator
from .wave_speeds import wave_speed

_WIDTH = 2
_FLOOR = 8.0  # squared differences that count as smooth, in variance/cells²: a sine has spread² = 8 variance
_TINY = 1e-200


class FiniteVolumes(Simulator):
    """∂ₜu + div F + S = 0 in cells; states at faces by slopes limited after van Albada, second order.

    F̂ = ½(F(u⁻) + F(u⁺)) − ½ α (u⁺ − u⁻), α the fastest wave at either side (Rusanov 1961; van Leer 1979;
    van Albada, van Leer & Roberts 1982). Derivatives in F are central differences at the face. On a side, a
    flux condition gives F̂ itself. Raises ``FormUnavailable`` for equations in no conservative form.
    """

    order = 2

    def __init__(self, problem: Problem, counts: tuple[int, ...]):
        self.problem = problem
        self.grid = Grid.of(problem, counts)
        self.form = conservation_form(problem)
        self.states = self.form.states
        names = {f.func.__name__ for f in problem.inferred}
        fluxes = [f for row in self.form.flux for f in row]
        if hidden := [j for j in jets_in(*fluxes) if j.unknown in names]:
            raise FormUnavailable(
                f"finite volumes of {problem.name!r}", reason=f"{hidden[0].unknown} in a flux is inferred",
                mend="use finite differences",
            )  # fmt: skip
        speeds = [wave_speed(self.form, axis, problem) for axis in range(len(counts))]
        self.notes = (f"wave speeds: {speeds[0][1]}",)
        self._fluxes = [Program(problem, [row[a] for row in self.form.flux]) for a in range(len(counts))]
        self._speeds = [Program(problem, [speed]) for speed, _ in speeds]
        self._source = Program(problem, list(self.form.source))
        self._ghosts = [
            Ghosts(problem, self.grid, s, _WIDTH, 1, 1, statements(problem, s, fluxes=False))
            for s in self.states
        ]
        self._given = self._flux_conditions()

    def _flux_conditions(self) -> dict[Side, list[tuple[int, Program]]]:
        """F·n on sides where it was declared, by the position of its equation."""
        names = [e.name for e in self.problem.equations]
        given: dict[Side, list[tuple[int, Program]]] = {}
        for condition in self.problem.of_kind(Flux):
            value = boundary_data(condition, condition.value, self.problem)
            for side, name in side_names(self.problem).items():
                if condition.where in (name, "boundary"):
                    row = names.index(condition.equation)
                    given.setdefault(side, []).append((row, Program(self.problem, [value])))
        return given

    def rate(self, t: Any, values: Array, inputs: Inputs) -> Array:
        dimension = values.ndim - 1
        total = -self._sources(t, values, inputs)
        for axis in range(dimension):
            flux = self._face_flux(axis, t, values, inputs)
            total = total - jnp.diff(flux, axis=axis + 1) / self.grid.spacing[axis]
        return total

    def extended(self, values: Array, t: Any, inputs: Inputs, pad: int) -> Array:
        parts = []
        for state, value in zip(self.states, values, strict=True):
            rule = statements(self.problem, state, fluxes=False)
            ghosts = Ghosts(self.problem, self.grid, state, pad, 2, 2, rule)
            parts.append(ghosts.pad_all(value, t, inputs))
        return jnp.stack(parts)

    def _sources(self, t: Any, values: Array, inputs: Inputs) -> Array:
        jets = dict(zip(self.states, values, strict=True))
        for jet in self._source.jets:
            if sum(jet.index) and jet.unknown in {s.unknown for s in self.states}:
                axis = next(i for i, n in enumerate(jet.index) if n)
                padded = self._pad(axis, t, values, inputs)[self._row(jet)]
                count, h = self.grid.counts[axis], self.grid.spacing[axis]
                inner = jnp.moveaxis(padded, axis, 0)
                slope = inner[_WIDTH + 1 : _WIDTH + 1 + count] - inner[_WIDTH - 1 : _WIDTH - 1 + count]
                jets[jet] = jnp.moveaxis(slope / (2 * h), 0, axis)
        mesh = [jnp.asarray(c) for c in self.grid.mesh()]
        return jnp.stack([jnp.broadcast_to(s, values.shape[1:]) for s in self._source(mesh, t, inputs, jets)])

    def _row(self, jet: Jet) -> int:
        return [s.unknown for s in self.states].index(jet.unknown)

    def _pad(self, axis: int, t: Any, values: Array, inputs: Inputs) -> Array:
        none = (0,) * len(self.grid.counts)
        pairs = zip(self._ghosts, values, strict=True)
        return jnp.stack([g.pad(v, axis, t, inputs, none) for g, v in pairs])

    def _face_flux(self, axis: int, t: Any, values: Array, inputs: Inputs) -> Array:
        """F̂ at the faces along an axis, one more than cells."""
        padded = jnp.moveaxis(self._pad(axis, t, values, inputs), axis + 1, 1)
        h = self.grid.spacing[axis]
        rest = tuple(range(1, padded.ndim))
        variance = jnp.var(padded, axis=rest, keepdims=True)  # smooth, so that gradients see it
        floor = _FLOOR * variance / self.grid.counts[axis] ** 2
        slopes = _limited(padded[:, 1:-1] - padded[:, :-2], padded[:, 2:] - padded[:, 1:-1], floor)
        left = padded[:, 1:-2] + slopes[:, :-1] / 2
        right = padded[:, 2:-1] - slopes[:, 1:] / 2
        across = (padded[:, 2:-1] - padded[:, 1:-2]) / h
        left, right, across = (jnp.moveaxis(part, 1, axis + 1) for part in (left, right, across))
        at = self._faces(axis)
        program = self._fluxes[axis]
        derivatives = self._face_slopes(program.jets, axis, across, t, values, inputs)
        sides = [{**dict(zip(self.states, side, strict=True)), **derivatives} for side in (left, right)]
        fluxes = [self._stack(program(at, t, inputs, side), left.shape) for side in sides]
        speeds = [self._speeds[axis](at, t, inputs, side)[0] for side in sides]
        flux = (fluxes[0] + fluxes[1] - jnp.maximum(*speeds) * (right - left)) / 2
        for end in (0, 1):
            for row, value in self._given.get((axis, end), []):
                given = (2 * end - 1) * value(at, t, inputs, {})[0]
                place = (row, *(slice(None),) * axis, -end)
                flux = flux.at[place].set(jnp.broadcast_to(given, flux.shape[1:])[place[1:]])
        return flux

    def _face_slopes(
        self, jets: tuple[Jet, ...], axis: int, across: Array, t: Any, values: Array, inputs: Inputs
    ) -> dict[Jet, Array]:
        """First derivatives at faces: across by the neighbours, along by the mean of both cells."""
        found = {}
        for jet in jets:
            along = next((i for i, n in enumerate(jet.index) if n), None)
            if along is None or jet.unknown not in {s.unknown for s in self.states}:
                continue
            row = self._row(jet)
            if along == axis:
                found[jet] = across[row]
                continue
            pads = [0] * len(self.grid.counts)
            value = self._ghosts[row].pad(values[row], along, t, inputs, tuple(pads))
            pads[along] = _WIDTH
            value = self._ghosts[row].pad(value, axis, t, inputs, tuple(pads))
            inner, count = jnp.moveaxis(value, along, 0), self.grid.counts[along]
            slope = inner[_WIDTH + 1 : _WIDTH + 1 + count] - inner[_WIDTH - 1 : _WIDTH - 1 + count]
            slope = jnp.moveaxis(jnp.moveaxis(slope, 0, along) / (2 * self.grid.spacing[along]), axis, 0)
            found[jet] = jnp.moveaxis((slope[1:-2] + slope[2:-1]) / 2, 0, axis)
        return found

    def _faces(self, axis: int) -> list[Array]:
        mesh = [jnp.asarray(c) for c in self.grid.mesh()]
        line, h = self.grid.line(axis), self.grid.spacing[axis]
        ends = jnp.concatenate([line - h / 2, line[-1:] + h / 2])
        mesh[axis] = ends.reshape([-1 if a == axis else 1 for a in range(len(mesh))])
        return mesh

    def _stack(self, rows: tuple[Any, ...], shape: tuple[int, ...]) -> Array:
        return jnp.stack([jnp.broadcast_to(row, shape[1:]) for row in rows])


def _limited(backward: Array, forward: Array, floor: Array) -> Array:
    """van Albada's smooth slope; where both squares are below the floor it is their mean, also at extrema."""
    squares = backward**2 + forward**2 + floor + _TINY
    return (backward * (forward**2 + floor / 2) + forward * (backward**2 + floor / 2)) / squares
