"""Problem files (YAML 1.2) into problems; every complaint carries the line it is about."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sympy as sp

from ..geometry import GeometryError, Shape
from .conditions import Observations
from .documents import Node, read_document
from .errors import DeclarationError
from .manufactured import manufactured
from .objective import Objective
from .problem import Equation, Problem
from .quantities import Quantity
from .reading_conditions import read_conditions
from .reading_domain import from_geometry, read_shape
from .reading_quantities import read_quantities
from .settings import MAPPINGS, SECTIONS, Settings
from .vocabulary import Vocabulary, read_number

DECLARATION = (
    "name", "coordinates", "time", "unknowns", "parameters", "definitions", "domain", "equations",
    "conditions", "observations", "exact", "manufactured", "quantities", "objective",
)  # fmt: skip
REQUIRED = ("coordinates", "unknowns", "domain", "equations")


@dataclass(frozen=True)
class Declaration:
    """What a problem file says: the problem, and the settings of a run."""

    problem: Problem
    settings: Settings


def read(path: str | Path) -> Declaration:
    """The declaration in a problem file; files it names are sought beside it and must be there.

    Raises ``DeclarationError``, with the line, for everything that does not hold together.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "it is not UTF-8 text"
        raise DeclarationError(
            f"cannot read {path}: {reason}",
            expected="a problem file in YAML",
            mend="check the path; problem files end in .yaml",
        ) from None
    declaration = read_text(text, str(path), path.parent)
    for entry in declaration.problem.observations:
        if not Path(entry.file).is_file():
            raise DeclarationError(
                f"there is no file {entry.file}",
                expected="a file of observations, sought beside the problem file",
                mend="check the path",
                place=entry.place,
            )
    return declaration


def read_text(text: str, name: str = "<text>", folder: str | Path | None = None) -> Declaration:
    """The declaration in a text; ``name`` stands for the file in complaints.

    Files that it names are taken relative to ``folder``, or to the working directory where that is None.
    """
    root = read_document(text, name)
    example = "name, coordinates, unknowns, domain, equations and conditions, each with a colon"
    entries = root.mapping("the problem file", (*DECLARATION, "problem", *SECTIONS), example=example)
    for section in MAPPINGS:
        if section in entries and entries[section].value is not None:
            entries[section].mapping(section, example=f"{section}: {{…}}")
    if "problem" in entries:
        return Declaration(_read_python(root, folder), Settings(root))
    return Declaration(_Reader(root, folder).problem(), Settings(root))


def _read_python(root: Node, folder: str | Path | None) -> Problem:
    """The problem in a Python file, which is run: as trustworthy as whoever wrote it."""
    node = root.value["problem"]
    for key in root.value:
        if key in DECLARATION:
            raise DeclarationError(
                f"`problem` names a Python declaration, but {key!r} is given too",
                expected=f"`problem` with {', '.join(SECTIONS)} only",
                mend=f"remove {key}, or `problem`",
                place=root.keys[key],
            )
    example = "problem: burgers.py:problem"
    file, colon, attribute = node.text("problem", example).rpartition(":")
    if not colon or not file.endswith(".py") or not attribute.isidentifier():
        raise node.error(f"problem is {node.value!r}", expected="FILE.py:NAME", mend=f"write {example}")
    path = Path(folder or ".", file)
    if not path.is_file():
        raise node.error(
            f"there is no file {path}", expected="a Python file beside this one", mend="check it"
        )
    spec = importlib.util.spec_from_file_location(f"pinnkit_problem_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except DeclarationError as error:
        raise error.at(node.place) from error
    except Exception as cause:
        raise node.error(
            f"{path} stopped with {type(cause).__name__}: {cause}",
            expected="a file that runs",
            mend=f"run it by itself: python {path}",
        ) from cause
    found = getattr(module, attribute, None)
    if not isinstance(found, Problem):
        names = [name for name, value in vars(module).items() if isinstance(value, Problem)]
        raise node.error(
            f"{path} has no problem called {attribute!r}",
            expected=f"one of {', '.join(names)}" if names else "a pk.Problem at the top level",
            mend=f"write problem: {file}:{names[0]}" if names else f"write {attribute} = pk.Problem(…) there",
        )
    return found


class _Reader:
    """One problem file on its way to a Problem."""

    def __init__(self, root: Node, folder: str | Path | None):
        self.root, self.folder = root, None if folder is None else Path(folder)
        example = "the sections coordinates, unknowns, domain, equations and conditions"
        self.entries = root.mapping("the problem file", required=REQUIRED, example=example)

    def problem(self) -> Problem:
        """The problem; complaints without a place of their own get that of their section."""
        try:
            self.vocabulary = Vocabulary(self.entries)
            return self._problem()
        except DeclarationError as error:
            raise error.at(self.root.keys.get(error.section, self.root.place)) from error.__cause__
        except GeometryError as error:
            raise from_geometry(error, self.root.keys["domain"]) from None

    def _problem(self) -> Problem:
        node = self.entries.get("name")
        name = node.text("name", "name: poisson_holes") if node else Path(self.root.place.file).stem
        domain = read_shape(self.entries["domain"], self.folder)
        equations, observations = self._equations(), self._observations()
        noted = self.entries.get("quantities")
        quantities = read_quantities(noted, self.vocabulary) if noted and noted.value is not None else []
        if "manufactured" in self.entries:
            return self._manufactured(name, domain, equations, observations, quantities)
        listed = self.entries.get("conditions")
        conditions = read_conditions(listed, self.vocabulary) if listed and listed.value is not None else []
        exact = self._exact(self.entries["exact"]) if "exact" in self.entries else None
        given = (equations, conditions, observations, exact, self.vocabulary.fields, quantities)
        return Problem(name, domain, *given, self._objective())

    def _equations(self) -> list[Equation]:
        node, example = self.entries["equations"], 'equations: ["-laplacian(u) = 1"]'
        if isinstance(node.value, dict):
            named = list(node.value.items())
        else:
            entries = node.list("equations", example)
            many = len(entries) > 1
            named = [(f"equation_{i}" if many else "equation", entry) for i, entry in enumerate(entries, 1)]
        if not named:
            raise node.error("no equations", expected="at least one", mend=f"write {example}")
        return [Equation(name, *self.vocabulary.equation(entry, name), entry.place) for name, entry in named]

    def _observations(self) -> list[Observations]:
        example = "observations: [{file: sensors.csv, unknown: u, noise: 0.01}]"
        found: list[Observations] = []
        if "observations" not in self.entries:
            return found
        known, required = ("file", "unknown", "noise", "columns", "unit", "offset"), ("file", "unknown")
        for node in self.entries["observations"].list("observations", example):
            entry = node.mapping("an observation", known, required, example)
            file = entry["file"].text("file", example)
            if self.folder is not None:
                file = str((self.folder / file).resolve())
            word = entry["unknown"]
            target = self.vocabulary.unknown(word.text("unknown", example), word.place)
            numbers = {k: read_number(entry[k], k) for k in ("noise", "unit", "offset") if k in entry}
            columns = {}
            if "columns" in entry:
                wanted = "columns: {u: temperature}"
                pairs = entry["columns"].mapping("columns", example=wanted)
                columns = {key: value.text("a column", wanted) for key, value in pairs.items()}
            try:
                renamed = tuple(columns.items())
                found.append(Observations(target, file, columns=renamed, place=node.place, **numbers))
            except DeclarationError as error:
                raise error.at(node.place) from None
        return found

    def _objective(self) -> Objective | None:
        node = self.entries.get("objective")
        if node is None:
            return None
        example = 'objective: {running: "f**2", target: {u: "sin(pi*x)"}}'
        entries = node.mapping("objective", ("running", "final", "target", "tolerance"), example=example)
        found: dict[str, Any] = {
            key: self.vocabulary.scalar(entries[key], key) for key in ("running", "final") if key in entries
        }
        if "target" in entries:
            pairs = entries["target"].mapping("target", example=example)
            found["target"] = {
                self.vocabulary.unknown(word, entries["target"].keys[word]): self.vocabulary.scalar(
                    entry, f"target of {word}"
                )
                for word, entry in pairs.items()
            }
        if "tolerance" in entries:
            found["tolerance"] = read_number(entries["tolerance"], "tolerance")
        return Objective(**found, place=node.place)

    def _exact(self, node: Node) -> dict[Any, Any]:
        """Unknown → expression; the name of a vector takes a list."""
        found: dict[Any, Any] = {}
        for word, entry in node.mapping("exact", example='exact: {u: "sin(pi*x)"}').items():
            target = self.vocabulary.unknown(word, node.keys[word])
            value = self.vocabulary.field(entry, f"exact {word}")
            sizes = [len(part) if isinstance(part, sp.MatrixBase) else 0 for part in (target, value)]
            if sizes[0] != sizes[1]:
                wanted = f"a list of {sizes[0]}" if sizes[0] else "a scalar"
                raise entry.error(f"exact {word}: the wrong kind", expected=wanted, mend=f"give {wanted}")
            found[target] = value
        return found

    def _manufactured(
        self,
        name: str,
        domain: Shape,
        equations: list[Equation],
        observations: list[Observations],
        quantities: list[Quantity],
    ) -> Problem:
        for key in ("conditions", "exact", "objective"):
            if key in self.entries:
                raise DeclarationError(
                    f"`manufactured` brings its own data, but {key!r} is given too",
                    expected="one of them",
                    mend=f"remove {key}",
                    place=self.root.keys[key],
                )
        node = self.entries["manufactured"]
        example = 'manufactured: {exact: {u: "sin(pi*x)"}, conditions: dirichlet}'
        entries = node.mapping("manufactured", ("exact", "conditions"), ("exact",), example)
        conditions = entries["conditions"].plain() if "conditions" in entries else "dirichlet"
        exact = self._exact(entries["exact"])
        try:
            return manufactured(
                name, domain, equations, exact, conditions, observations, self.vocabulary.fields, quantities
            )
        except DeclarationError as error:
            raise error.at(self.root.keys["manufactured"]) from None
