"""Which interventions are there? All files of a folder, read into one catalogue."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from catalogue import intervention_reader, plan
from catalogue.criterion_reader import Competitors
from catalogue.documents import Document, read_yaml
from catalogue.errors import UsageError
from catalogue.intervention import Intervention, InterventionType
from catalogue.particulars import Particulars
from catalogue.plan import Plan

FOLDER: Final = Path(__file__).parent / "interventions"


@dataclass(frozen=True, kw_only=True, eq=False)
class Catalogue:
    """All interventions, in order of id, with the hash of what they say; two are the same only if they are one."""

    interventions: tuple[Intervention, ...]
    hash: str

    def by_id(self, intervention_id: str) -> Intervention:
        """Which intervention has this id? ``UsageError`` if none has."""
        found = self._by_id.get(intervention_id)
        if found is None:
            raise UsageError(
                f"There is no intervention '{intervention_id}' in the catalogue; 'signpost catalogue show' lists them."
            )
        return found

    def __contains__(self, intervention_id: object) -> bool:
        return intervention_id in self._by_id

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids in catalogue order."""
        return tuple(each.id for each in self.interventions)

    @cached_property
    def plan(self) -> Plan:
        """The distinct tests of the catalogue and the sentences of its rules, made ready once."""
        return plan.build(self.interventions)

    @cached_property
    def particulars(self) -> Particulars:
        """What the interventions are, as columns."""
        return Particulars.of(self.interventions)

    @cached_property
    def _by_id(self) -> Mapping[str, Intervention]:
        return MappingProxyType({each.id: each for each in self.interventions})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A file that cannot be used, and why."""

    file: str
    error: UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What of a folder can be used, and each file that cannot, in order of name."""

    catalogue: Catalogue
    faults: tuple[Fault, ...]


def load(folder: Path | None = None) -> Catalogue:
    """Which interventions are there?

    Reads every ``*.yaml`` of ``folder`` (by default the catalogue that comes with the package). Raises ``UsageError``
    naming file and place of the first that cannot be used. The package's own is read once: it does not change.
    """
    return _of_the_package() if folder is None else _usable(survey(folder))


@cache
def _of_the_package() -> Catalogue:
    return _usable(survey())


def _usable(found: Survey) -> Catalogue:
    for fault in found.faults:
        raise fault.error
    return found.catalogue


def survey(folder: Path | None = None) -> Survey:
    """Which interventions can be used, and which files cannot and why? ``UsageError`` where there is no catalogue at all."""
    home = FOLDER if folder is None else folder
    paths = sorted(home.glob("*.yaml")) if home.is_dir() else []
    if not paths:
        raise UsageError(
            f"There is no catalogue in '{home}'; give a folder that holds one YAML file an intervention."
        )
    documents: dict[str, Document] = {}
    faults: dict[str, UsageError] = {}
    for path in paths:
        try:
            documents[path.stem] = _identified(read_yaml(path, thing="The catalogue file"), path.stem)
        except UsageError as error:
            faults[path.stem] = error
    built: dict[str, Intervention] = {}
    competitors = Competitors(built, unusable=faults.keys(), known=documents.keys())
    # Programmes first: rules about competing interventions refer to them.
    for stem in sorted(
        documents, key=lambda each: (documents[each].get("type") != InterventionType.ACP, each)
    ):
        try:
            found = intervention_reader.read(documents[stem], place=f"{stem}.yaml", competitors=competitors)
            plan.build((found,))  # sentences that are wanting show now, not at the first question
        except UsageError as error:
            faults[stem] = error
        else:
            built[stem] = found
    usable = {stem: documents[stem] for stem in sorted(built)}
    content = json.dumps(usable, sort_keys=True, ensure_ascii=False, default=_as_text)
    return Survey(
        catalogue=Catalogue(
            interventions=tuple(built[stem] for stem in sorted(built)),
            hash=hashlib.sha256(content.encode()).hexdigest(),
        ),
        faults=tuple(Fault(file=f"{stem}.yaml", error=faults[stem]) for stem in sorted(faults)),
    )


def _identified(document: Document, stem: str) -> Document:
    if document.get("id") != stem:
        raise UsageError(f"The catalogue file '{stem}.yaml' must hold the id '{stem}'; rename one of them.")
    return document


def _as_text(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(type(value).__name__)
