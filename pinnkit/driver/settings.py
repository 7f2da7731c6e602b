"""The sections of a problem file beside the declaration: solver, reference, validate, numerics, compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat
from ruamel.yaml import YAML, YAMLError

from ..declare.errors import DeclarationError, Place, unknown_word
from ..solvers import Options, Solver, get, read_options
from .devices import NumericsSettings

if TYPE_CHECKING:
    from ..declare.settings import Settings as DeclaredSettings

SECTIONS = ("solver", "reference", "validate", "numerics", "compare")
DEFAULT_SOLVER = "pinn"
KeyPath = tuple[str | int, ...]
Assignment = tuple[tuple[str, ...], Any]


class ValidateSettings(Options):
    """The section ``validate``."""

    tolerance: Annotated[PositiveFloat, Field(lt=1)] = 1e-2
    """Relative L2 error below which a solution counts as good, for every unknown."""

    certificate: bool | None = None
    """Bound the energy error without a reference: after solving too, never, or (null) when validating."""


class SolverChoice(Options):
    """The part of the section ``solver`` that is not the solver's own."""

    name: str = DEFAULT_SOLVER
    seed: Annotated[NonNegativeInt, Field(lt=2**32)] = 0
    scales: Literal["auto", "none"] | dict[str, Any] = "auto"
    """Units of order one: found where they are far from one, none, or given by name."""


@dataclass(frozen=True)
class Sections:
    """The raw sections with the line of every entry; overrides from the command line have none.

    ``notes`` say in sentences what overrides have left out.
    """

    values: Mapping[str, Any]
    place: Callable[[KeyPath], Place | None] = lambda path: None
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, settings: DeclaredSettings) -> Sections:
        """The sections of a problem file."""
        return cls(settings, lambda path: settings.place(*path))

    def override(self, assignments: Iterable[Assignment]) -> Sections:
        """The sections with other values at some paths, such as ("solver", "network", "width").

        A mapping is put in entry by entry, and leaves its neighbours. Another solver's name leaves out the
        options of the one before, which are not its own.
        """
        values: dict[str, Any] = _plain(self.values)
        entries = list(_entries(assignments))
        notes = self._make_way(values, entries)
        assigned: set[KeyPath] = set()
        for path, value in entries:
            target = values
            for part in path[:-1]:
                inner = target.get(part)
                target[part] = inner = inner if isinstance(inner, dict) else {}
                target = inner
            target[path[-1]] = value
            assigned.add(path)

        def place(path: KeyPath) -> Place | None:
            return None if any(path[: len(a)] == a for a in assigned) else self.place(path)

        return Sections(values, place, (*self.notes, *notes))

    def _make_way(self, values: dict[str, Any], entries: Sequence[Assignment]) -> list[str]:
        """Leave out the options of a solver whose place another takes; a sentence where there were any."""
        own = self.section("solver")
        before = str(own.get("name", DEFAULT_SOLVER))
        chosen = [str(value) for path, value in entries if path == ("solver", "name")]
        if not chosen or chosen[-1] == before:
            return []
        left = [key for key in own if key not in SolverChoice.model_fields]
        values["solver"] = {key: value for key, value in own.items() if key == "seed"}
        return [f"{chosen[-1]} has its own defaults: what the file says for {before} ({', '.join(left)}) "
                "is left out"] if left else []  # fmt: skip

    def folder(self, path: KeyPath) -> Path:
        """The folder of the problem file that an entry stands in, from which it names other files."""
        place = self.place(path)
        return Path(place.file).parent if place is not None else Path()

    def section(self, name: str) -> dict[str, Any]:
        """One section as a mapping."""
        value = self.values.get(name) or {}
        if not isinstance(value, Mapping):
            raise DeclarationError(
                f"{name}: {value!r} is no mapping", expected=f"{name}: {{…}}", place=self.place((name,))
            )
        return dict(value)


@dataclass(frozen=True)
class Settings:
    """Typed settings of a run."""

    solver: Solver
    options: Options
    seed: int
    scales: Literal["auto", "none"] | Mapping[str, Any]
    validate: ValidateSettings
    numerics: NumericsSettings
    sections: Sections

    def to_mapping(self) -> dict[str, Any]:
        """Everything that determines the run, as ``problem.resolved.yaml`` holds it, files by full names.

        Not ``numerics``: a run may go on elsewhere.
        """
        reference = self.sections.section("reference")
        if data := reference.get("data"):
            named = {"file": data} if isinstance(data, str) else dict(data)
            named["file"] = str((self.sections.folder(("reference", "data")) / named["file"]).resolve())
            reference["data"] = named
        options = self.options.model_dump(mode="json")
        return {
            "solver": {"name": self.solver.name, "seed": self.seed, "scales": _plain(self.scales), **options},
            "reference": reference,
            "validate": self.validate.model_dump(mode="json"),
        }


def read_settings(sections: Sections) -> Settings:
    """Check and type every section; raises ``DeclarationError`` with the line of the first fault."""
    for name in sections.values:
        if name not in SECTIONS:
            place = sections.place((name,))
            raise unknown_word("section", name, SECTIONS, otherwise="remove it", place=place)
    given = sections.section("solver")
    chosen = {key: given.pop(key) for key in SolverChoice.model_fields if key in given}
    choice = read_options(SolverChoice, chosen, ("solver",), sections.place)
    try:
        solver = get(choice.name)
    except DeclarationError as complaint:
        where = sections.place(("solver", "name"))
        raise (complaint.at(where) if where else complaint) from None
    return Settings(
        solver=solver,
        options=read_options(solver.options, given, ("solver",), sections.place),
        seed=choice.seed,
        scales=choice.scales,
        validate=read_options(ValidateSettings, sections.section("validate"), ("validate",), sections.place),
        numerics=read_options(NumericsSettings, sections.section("numerics"), ("numerics",), sections.place),
        sections=sections,
    )


def parse_assignment(assignment: str) -> Assignment:
    """``solver.network.width=40`` as a path and a value, which is read as YAML."""
    key, equals, text = assignment.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path) or len(path) < 2:
        raise DeclarationError(
            f"--set {assignment}: not an assignment",
            expected="SECTION.KEY=VALUE",
            mend="name its section too: --set solver.precision=float32, --set solver.network.width=40",
        )
    if path[0] not in SECTIONS:
        otherwise = f"did you mean solver.{key.strip()}?"
        raise unknown_word(f"section in --set {assignment}:", path[0], SECTIONS, otherwise=otherwise)
    try:
        return path, YAML(typ="safe", pure=True).load(StringIO(text))
    except YAMLError:
        raise DeclarationError(
            f"--set {assignment}: {text!r} is no YAML value",
            expected="a number, a word, [a, list] or {a: mapping}",
            mend="put quotation marks around it",
        ) from None


def _entries(assignments: Iterable[Assignment]) -> Iterator[Assignment]:
    for path, value in assignments:
        if isinstance(value, Mapping) and value:
            yield from _entries(((*path, str(key)), entry) for key, entry in value.items())
        else:
            yield path, value


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
