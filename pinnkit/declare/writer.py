"""Problems as problem files, which read back to equal problems, and the digest of a declaration."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .conditions import (
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
    Robin,
)
from .errors import DeclarationError
from .printing import to_text
from .regions import InRegion
from .symbols import is_inferred

if TYPE_CHECKING:
    from .objective import Objective
    from .problem import Problem
    from .quantities import Quantity

# Up to this length a list or mapping stands on one line.
_LINE = 100
_FILES = ("file", "path")


def to_mapping(problem: Problem) -> dict[str, Any]:
    """The declaration as plain data, laid out as a problem file."""
    writer = _Writer(problem)
    found: dict[str, Any] = {"name": problem.name, "coordinates": [x.name for x in problem.coordinates]}
    if problem.time is not None:
        found["time"] = {problem.time.name: [_number(problem.time.start), _number(problem.time.end)]}
    found["unknowns"] = [writer.unknown(field) for field in problem.unknowns]
    if problem.parameters:
        found["parameters"] = {p.name: _parameter(p) for p in problem.parameters}
    if regions := writer.regions():
        found["definitions"] = regions
    found["domain"] = problem.domain.to_mapping()
    found["equations"] = writer.equations()
    if problem.conditions:
        found["conditions"] = writer.conditions()
    if problem.observations:
        found["observations"] = [_observations(entry) for entry in problem.observations]
    if problem.exact is not None:
        order = [name for name in problem.unknown_names if name in problem.exact]
        found["exact"] = {name: writer.value(problem.exact[name]) for name in order}
    if problem.objective is not None:
        found["objective"] = writer.objective(problem.objective)
    if problem.quantities:
        found["quantities"] = {quantity.name: writer.quantity(quantity) for quantity in problem.quantities}
    return found


def to_yaml(problem: Problem) -> str:
    """The declaration as a problem file.

    Raises ``DeclarationError`` for an expression that problem files have no words for.
    """
    from .reader import read_text

    text = dump(to_mapping(problem))
    try:
        again = read_text(text).problem
    except DeclarationError as error:
        raise DeclarationError(
            f"{problem.name} cannot be written as a problem file: {error.what}",
            expected="expressions of the problem language",
            mend="declare it in a Python file, and name that by `problem: FILE.py:NAME`",
        ) from error
    if again != problem:
        raise DeclarationError(
            f"{problem.name} cannot be written as a problem file: it would read back differently",
            expected="expressions of the problem language",
            mend="declare it in a Python file, and name that by `problem: FILE.py:NAME`",
        )
    return text


def digest(problem: Problem) -> str:
    """SHA-256 of the declaration; a file that it names counts by its content."""
    return hashlib.sha256(json.dumps(_by_content(to_mapping(problem))).encode()).hexdigest()


def dump(mapping: Mapping[str, Any]) -> str:
    """Plain data as YAML, short lists and mappings on one line."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="rt", pure=True)
    yaml.width = 10_000
    yaml.indent(mapping=2, sequence=4, offset=2)
    stream = StringIO()
    yaml.dump({key: _styled(value, key) for key, value in mapping.items()}, stream)
    return stream.getvalue()


class _Writer:
    """The statements of one problem in its own names."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.names = {str(v): v for v in problem.variables} | {f.func.__name__: f for f in problem.unknowns}
        self.names |= {p.name: p for p in problem.parameters}

    def value(self, expression: sp.Expr) -> Any:
        """A number as itself, anything else as text."""
        if expression.is_Integer:
            return int(expression)
        return float(expression) if expression.is_Float else to_text(expression, self.names)

    def unknown(self, field: AppliedUndef) -> Any:
        """A name, or a name with marks where the unknown is inferred or has variables of its own."""
        marks: dict[str, Any] = {}
        if is_inferred(field):
            marks["infer"] = True
        if field.args != self.problem.variables:
            marks["of"] = [str(a) for a in field.args]
        return {field.func.__name__: marks} if marks else field.func.__name__

    def quantity(self, quantity: Quantity) -> dict[str, Any]:
        """One entry of the section ``quantities``."""
        names = self.names | {q.name: q.symbol for q in self.problem.quantities}
        expression = quantity.expression
        found: dict[str, Any] = {
            quantity.kind: self.value(expression) if expression.is_Number else to_text(expression, names)
        }
        if quantity.over is not None:
            found["over"] = quantity.over
        if quantity.at is not None:
            found["at"] = [_number(c) for c in quantity.at]
        if quantity.time is not None:
            found["time"] = quantity.time if isinstance(quantity.time, str) else _number(quantity.time)
        return found | ({} if quantity.tolerance is None else {"tolerance": _number(quantity.tolerance)})

    def objective(self, objective: Objective) -> dict[str, Any]:
        """The section ``objective``."""
        terms = {"running": objective.running, "final": objective.final}
        found: dict[str, Any] = {name: self.value(term) for name, term in terms.items() if term != 0}
        if objective.target:
            found["target"] = {u.func.__name__: self.value(value) for u, value in objective.target}
        return found | {"tolerance": _number(objective.tolerance)}

    def regions(self) -> dict[str, Any]:
        """A definition for each region that a coefficient depends on: one within it, zero elsewhere."""
        sides = [side for e in self.problem.equations for side in (e.lhs, e.rhs)]
        found = {function.placeholder for side in sides for function in side.atoms(InRegion)}
        return {
            symbol.name: {"by_region": {name: int(name == symbol.region) for name in symbol.regions}}
            for symbol in sorted(found, key=str)
        }

    def equations(self) -> Any:
        """Texts in a list, or by name where the names are not those of a list."""
        found = self.problem.equations
        texts = [f"{to_text(e.lhs, self.names)} = {to_text(e.rhs, self.names)}" for e in found]
        listed = [f"equation_{i}" for i in range(1, len(found) + 1)] if len(found) > 1 else ["equation"]
        names = [e.name for e in found]
        return texts if names == listed else dict(zip(names, texts, strict=True))

    def conditions(self) -> list[dict[str, Any]]:
        """One entry for each condition; neighbours of one kind in one place share an entry."""
        found: list[dict[str, Any]] = []
        for condition in self.problem.conditions:
            entry = self._condition(condition)
            ((kind, content), *where) = entry.items()
            last = found[-1] if found else {}
            if (
                kind in ("dirichlet", "neumann", "robin", "initial")
                and kind in last
                and [*last.items()][1:] == where
                and not set(last[kind]) & set(content)
            ):
                last[kind].update(content)
            else:
                found.append(entry)
        return found

    def _condition(self, condition: Any) -> dict[str, Any]:
        where = {"where": condition.where} if hasattr(condition, "where") else {}
        name = condition.unknown.func.__name__ if hasattr(condition, "unknown") else ""
        match condition:
            case Dirichlet():
                return {"dirichlet": {name: self.value(condition.value)}} | where
            case Neumann():
                return {"neumann": {name: self.value(condition.value)}} | where
            case Robin():
                parts = (condition.a, condition.b, condition.value)
                return {"robin": {name: [self.value(part) for part in parts]}} | where
            case Flux():
                return {"flux": {condition.equation: self.value(condition.value)}} | where
            case Condition():
                return {"expression": to_text(condition.expression, self.names)} | where
            case Periodic():
                return {"periodic": condition.coordinate.name}
            case Initial():
                return {"initial": {name: self.value(condition.value)}}
            case InitialRate():
                return {"initial": {f"{name}_{self.problem.time}": self.value(condition.value)}}
            case PointValue():
                return {
                    "point": {name: self.value(condition.value), "at": [_number(c) for c in condition.at]}
                }
        raise AssertionError(condition)


def _parameter(symbol: Any) -> Any:
    if not symbol.infer and symbol.bounds is None:
        return _number(symbol.value)
    entry = {"value": _number(symbol.value)} | ({"infer": True} if symbol.infer else {})
    return entry | ({"bounds": [_number(b) for b in symbol.bounds]} if symbol.bounds else {})


def _observations(entry: Observations) -> dict[str, Any]:
    found: dict[str, Any] = {"file": entry.file, "unknown": entry.unknown.func.__name__}
    if entry.noise:
        found["noise"] = _number(entry.noise)
    if entry.unit != 1 or entry.offset:
        found |= {"unit": _number(entry.unit), "offset": _number(entry.offset)}
    return found | ({"columns": dict(entry.columns)} if entry.columns else {})


def _number(value: float) -> float | int:
    """Whole numbers without a decimal point, as people write them; both read back to the same float."""
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else float(value)


def _by_content(data: Any) -> Any:
    """Plain data with the SHA-256 of every file in place of its path."""
    if isinstance(data, list):
        return [_by_content(entry) for entry in data]
    if not isinstance(data, dict):
        return data
    return {
        key: _hash(value) if key in _FILES and isinstance(value, str) else _by_content(value)
        for key, value in data.items()
    }


def _hash(file: str) -> str:
    path = Path(file)
    if not path.is_file():
        return file
    content = path.read_bytes()
    total = hashlib.sha256(content)
    if path.suffix.lower() == ".xdmf":
        # The numbers lie in HDF5 files that it names.
        for name in sorted(set(re.findall(rb">\s*([^<>:]+\.h5):", content))):
            beside = path.parent / name.decode(errors="replace")
            total.update(beside.read_bytes() if beside.is_file() else name)
    return total.hexdigest()


def _styled(value: Any, key: str = "") -> Any:
    """Data for the YAML writer: expressions quoted, and in one line what fits one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        return (
            value
            if value.isidentifier() or ("/" in value and key in _FILES)
            else DoubleQuotedScalarString(value)
        )
    if isinstance(value, dict):
        styled: Any = CommentedMap({k: _styled(v, k) for k, v in value.items()})
    elif isinstance(value, list | tuple):
        styled = CommentedSeq([_styled(v) for v in value])
    else:
        return value
    composed = isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
    if len(str(value)) <= _LINE and not (composed or key in ("equations", "conditions", "domain")):
        styled.fa.set_flow_style()
    return styled
