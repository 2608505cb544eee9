"""Write a release bundle, and seal the audit's verdict into it.

`write` writes the models with the gate not yet run; `seal` adds what the audit found, writes the cards
again from the facts in the folder, and hashes everything. The same input gives the same bytes: no clock, no
machine, no order of a set enters. Schema: docs/training.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from catalogue.errors import UsageError
from scoring.bundle import (
    GATE_STATES,
    MANIFEST,
    MODEL_FILES,
    Bundle,
    canonical,
    digest_of,
    sha256,
    version_of,
)
from training.release.cards import Facts, model_card, transparency_record

#: What the training run was: configuration, blocks of time, counts of rows, baselines.
TRAINING_FILE = "training.json"
#: Where the audit's report lies in a bundle, so that a release carries its own verdict.
REPORT_FOLDER = "equality-report"
NOT_RUN: Mapping[str, Any] = {"state": "NOT_RUN", "named": []}


def write(
    folder: Path,
    *,
    documents: Mapping[str, Mapping[str, Any]],
    spec_hash: str,
    catalogue_hash: str,
    contract_version: str,
    training_date: date,
    data_period: tuple[date, date],
) -> str:
    """Write a bundle whose gate has not run; returns its version.

    `documents` holds the model files and training.json.

    Raises UsageError when the folder cannot be written.
    """
    absent = [name for name in (*MODEL_FILES, TRAINING_FILE) if name not in documents]
    if absent:
        raise ValueError(f"A bundle needs {', '.join(absent)}.")
    head = {
        "created": training_date.isoformat(),
        "training_date": training_date.isoformat(),
        "spec_hash": spec_hash,
        "catalogue_hash": catalogue_hash,
        "contract_version": contract_version,
        "data_period": {"from": data_period[0].isoformat(), "to": data_period[1].isoformat()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The bundle cannot be written to {folder}; name a folder that can be made."
        ) from error
    bodies = {name: canonical(document) for name, document in documents.items()}
    return _lay_down(folder, head=head, bodies=bodies, fairness={}, gate=NOT_RUN)


def seal(folder: Path, *, fairness: Mapping[str, Any], gate: Mapping[str, Any]) -> str:
    """Write what the audit found, the final cards and the hashes; returns the version.

    Raises UsageError for a gate state that is none, or for a bundle that is not whole.
    """
    state = str(gate.get("state"))
    if state not in GATE_STATES:
        raise UsageError(f"A gate's state is one of {', '.join(GATE_STATES)}.")
    place = Path(folder)
    bundle = Bundle.open(place)
    manifest = json.loads((place / MANIFEST).read_bytes())
    head = {
        name: manifest[name]
        for name in (
            "created",
            "training_date",
            "spec_hash",
            "catalogue_hash",
            "contract_version",
            "data_period",
        )
    }
    bodies = {name: bundle.read_text(name).encode() for name in (*MODEL_FILES, TRAINING_FILE)}
    return _lay_down(place, head=head, bodies=bodies, fairness=fairness, gate=gate)


def _report(folder: Path) -> dict[str, bytes]:
    """The equality report that was written into the bundle, by name: it is hashed with the rest."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted((folder / REPORT_FOLDER).rglob("*"))
        if path.is_file()
    }


def _lay_down(
    folder: Path,
    *,
    head: Mapping[str, Any],
    bodies: Mapping[str, bytes],
    fairness: Mapping[str, Any],
    gate: Mapping[str, Any],
) -> str:
    contents = {**bodies, "fairness.json": canonical(fairness)}
    version = version_of({name: sha256(body) for name, body in bodies.items()})
    facts = Facts(
        version=version,
        manifest=head,
        documents={name: json.loads(body) for name, body in bodies.items()},
        fairness=json.loads(contents["fairness.json"]),
        gate=gate,
    )
    contents["model-card.md"] = model_card(facts).encode()
    contents["transparency-record.md"] = transparency_record(facts).encode()
    manifest: dict[str, Any] = {
        **head,
        "version": version,
        "gate": json.loads(canonical(gate)),
        "files": {name: sha256(body) for name, body in sorted((contents | _report(folder)).items())},
    }
    manifest["digest"] = digest_of(manifest)
    # The manifest goes first out and last in: a write that is cut short leaves no bundle that opens.
    (folder / MANIFEST).unlink(missing_ok=True)
    for name, body in contents.items():
        (folder / name).write_bytes(body)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return version
