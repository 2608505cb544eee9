"""The release bundle: a folder of text files, verified before any of it is used.

`Bundle.open` recomputes the SHA-256 of every file that bundle.json lists, and of bundle.json's own content,
before anything is parsed into a model. A file that was changed, lost or added under a listed name is a
`UsageError`, so a service can keep the bundle that it has. Models that were trained on other definitions of features
than this code has are a `UsageError` too, because their inputs would mean something else. Schema: docs/training.md.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from catalogue.errors import UsageError
from features.definitions import INFLIGHT, SPEC
from scoring.effects import EffectModel
from scoring.heads import HeadModel, InFlightHead
from scoring.similar import Similar
from scoring.thresholds import Thresholds

MANIFEST = "bundle.json"
#: What scores. The version is derived from these, so that audit and cards can name it.
MODEL_FILES = (
    "commence.json",
    "complete.json",
    "inflight.json",
    "benefit.json",
    "calibration.json",
    "similar.json",
    "thresholds.json",
)
#: What is said about it.
STATEMENT_FILES = ("fairness.json", "model-card.md", "transparency-record.md")
#: How deep a file may lie: in the bundle itself, or in a folder of it (the equality report).
DEPTH = 2
GATE_STATES = ("PASS", "FAIL", "INSUFFICIENT_DATA", "NOT_RUN")


def canonical(document: object) -> bytes:
    """The one byte form of a JSON document: sorted keys, no spaces to spare, UTF-8, a final newline."""
    text = json.dumps(document, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def sha256(content: bytes) -> str:
    """The SHA-256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def version_of(files: Mapping[str, str]) -> str:
    """Which release is this? The first 12 digits of a hash over the hashes of the files that score."""
    return sha256(canonical({name: files[name] for name in MODEL_FILES}))[:12]


def digest_of(manifest: Mapping[str, Any]) -> str:
    """The hash of bundle.json's content without its own `digest`."""
    return sha256(canonical({name: value for name, value in manifest.items() if name != "digest"}))


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything that serves: the models, their calibration, thresholds, and what is said about them."""

    folder: Path
    version: str
    created: date
    spec_hash: str
    catalogue_hash: str
    contract_version: str
    training_date: date
    data_from: date
    data_to: date
    gate: Mapping[str, Any]
    files: Mapping[str, str]
    commence: HeadModel = field(repr=False)
    complete: HeadModel = field(repr=False)
    inflight: InFlightHead = field(repr=False)
    benefit: EffectModel = field(repr=False)
    calibration: Mapping[str, Any] = field(repr=False)
    similar: Similar = field(repr=False)
    thresholds: Thresholds = field(repr=False)
    fairness: Mapping[str, Any] = field(repr=False)

    @classmethod
    def open(cls, folder: str | Path) -> Bundle:
        """Read a bundle.

        Raises UsageError where a file is missing, changed or not what it should be, and where the features were
        defined otherwise when the models were fitted.
        """
        place = Path(folder)
        manifest = _manifest(place)
        contents = {name: _verified(place, name, expected) for name, expected in manifest["files"].items()}
        documents = {
            name: _document(place, name, body) for name, body in contents.items() if name.endswith(".json")
        }
        _of_these_definitions(place, manifest, documents["inflight.json"])
        try:
            return _assemble(place, manifest, documents)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"The bundle in {place} lacks what a release needs ({error}); write it again with 'signpost train'.",
            ) from error

    @property
    def passed(self) -> bool:
        """Did the fairness gate let this release pass?"""
        return self.gate.get("state") == "PASS"

    @cached_property
    def reads(self) -> frozenset[str]:
        """Which features does an answer about a person want: those that a model reads, or that a profile watches?"""
        heads = (self.commence, self.complete)
        return frozenset(
            name
            for names in (
                *(head.feature_names for head in heads),
                *(head.profile for head in heads),
                self.benefit.feature_names,
                self.similar.feature_names,
            )
            for name in names
        )

    def read_text(self, name: str) -> str:
        """The text of one of the bundle's files, e.g. model-card.md, as it was verified."""
        if name not in self.files:
            raise UsageError(f"The bundle in {self.folder} has no file named {name}.")
        return _verified(self.folder, name, self.files[name]).decode()


def _of_these_definitions(place: Path, manifest: Mapping[str, Any], inflight: Mapping[str, Any]) -> None:
    """Refuse models of other definitions: those of people and decisions, and those of running referrals."""
    for what, learnt, here in (
        ("people", manifest.get("spec_hash"), SPEC.hash),
        ("running referrals", inflight.get("spec_hash"), INFLIGHT.hash),
    ):
        if learnt != here:
            raise UsageError(
                f"The bundle in {place} was trained on other definitions of the features of {what} "
                f"({str(learnt)[:12]}) than this version of Signpost computes ({here[:12]}); "
                "train it again, or open it with the version that made it.",
            )


def _assemble(place: Path, manifest: Mapping[str, Any], documents: Mapping[str, Any]) -> Bundle:
    calibration = documents["calibration.json"]
    period = manifest["data_period"]
    return Bundle(
        folder=place,
        version=manifest["version"],
        created=date.fromisoformat(manifest["created"]),
        spec_hash=manifest["spec_hash"],
        catalogue_hash=manifest["catalogue_hash"],
        contract_version=manifest["contract_version"],
        training_date=date.fromisoformat(manifest["training_date"]),
        data_from=date.fromisoformat(period["from"]),
        data_to=date.fromisoformat(period["to"]),
        gate=manifest["gate"],
        files=manifest["files"],
        commence=HeadModel.from_documents(documents["commence.json"], calibration["commence"]),
        complete=HeadModel.from_documents(documents["complete.json"], calibration["complete"]),
        inflight=InFlightHead.from_documents(documents["inflight.json"], calibration),
        benefit=EffectModel.from_dict(documents["benefit.json"]),
        calibration=calibration,
        similar=Similar.from_dict(documents["similar.json"]),
        thresholds=Thresholds.from_dict(documents["thresholds.json"]),
        fairness=documents["fairness.json"],
    )


def _manifest(place: Path) -> dict[str, Any]:
    if not place.is_dir():
        raise UsageError(
            f"There is no release bundle at {place}; write one with 'signpost train --out {place}'."
        )
    path = place / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read; a release bundle needs it.") from error
    except ValueError as error:
        raise UsageError(f"{path} is not JSON; write the bundle again with 'signpost train'.") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise UsageError(f"{path} lists no files; write the bundle again with 'signpost train'.")
    absent = [name for name in (*MODEL_FILES, *STATEMENT_FILES) if name not in manifest["files"]]
    if absent:
        raise UsageError(
            f"{path} does not list {', '.join(absent)}; write the bundle again with 'signpost train'."
        )
    if manifest.get("digest") != digest_of(manifest) or manifest.get("version") != version_of(
        manifest["files"]
    ):
        raise UsageError(f"{path} was changed after it was written; take the bundle from the registry again.")
    return manifest


def _verified(place: Path, name: str, expected: str) -> bytes:
    parts = PurePosixPath(name).parts
    if not 1 <= len(parts) <= DEPTH or PurePosixPath(name).is_absolute() or ".." in parts:
        raise UsageError(f"{place / MANIFEST} lists {name!r}, which is not a file inside the bundle.")
    try:
        body = (place / name).read_bytes()
    except OSError as error:
        raise UsageError(f"{place / name} cannot be read, and {MANIFEST} lists it.") from error
    if sha256(body) != expected:
        raise UsageError(f"{place / name} is not the file that {MANIFEST} lists: its hash differs.")
    return body


def _document(place: Path, name: str, body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except ValueError as error:
        raise UsageError(
            f"{place / name} is not JSON; write the bundle again with 'signpost train'."
        ) from error
    if not isinstance(document, dict):
        raise UsageError(
            f"{place / name} is not a JSON object; write the bundle again with 'signpost train'."
        )
    return document
