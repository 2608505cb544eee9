"""A release made by the command line on the small world: opened, tampered with, used for flags, registered."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue.errors import UsageError
from features.definitions import INFLIGHT, SPEC
from features.histories import Histories
from features.outcomes import referral_outcomes
from scoring.bundle import MODEL_FILES, Bundle, digest_of, sha256, version_of
from scoring.inflight import from_cases, landmarks
from scoring.inflight.from_histories import flag_all, open_at, rows
from scoring.scorecard import Scorecard
from training.release import bundle as writer

FLAG_COLUMNS = [
    "referral_id", "crn", "as_of", "weeks_in", "p_not_completed_4w", "p_not_completed_8w", "p_not_completed_12w",
    "flagged", "band", "reason_codes", "changed", "bundle_version",
]  # fmt: skip
AS_OF = date(2025, 6, 30)


@pytest.fixture(scope="module")
def release(trained_bundle: Path) -> Bundle:
    return Bundle.open(trained_bundle)


@pytest.fixture(scope="module")
def histories(small_world: Path) -> Histories:
    return Histories.open(small_world)


@pytest.fixture
def copy(trained_bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained_bundle, tmp_path / "bundle")
    return tmp_path / "bundle"


def _lose(folder: Path) -> None:
    (folder / "commence.json").unlink()


def _change(folder: Path) -> None:
    path = folder / "thresholds.json"
    path.write_bytes(path.read_bytes().replace(b"0", b"1", 1))


def _pass_the_gate(folder: Path) -> None:
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest["gate"] = {"state": "PASS", "forged": True}
    (folder / "bundle.json").write_text(json.dumps(manifest))


def _not_json(folder: Path) -> None:
    (folder / "bundle.json").write_text("{")


def _no_list(folder: Path) -> None:
    (folder / "bundle.json").write_text("{}")


@pytest.mark.parametrize("harm", [_lose, _change, _pass_the_gate, _not_json, _no_list])
def test_a_bundle_that_was_harmed_is_refused(copy: Path, harm: Callable[[Path], None]) -> None:
    Bundle.open(copy)
    harm(copy)
    with pytest.raises(UsageError):
        Bundle.open(copy)


def _reseal(folder: Path, **changed: object) -> None:
    """Make the manifest whole again after a change, as one who trained with other code would have written it."""
    manifest = json.loads((folder / "bundle.json").read_text()) | changed
    manifest["files"] = {name: sha256((folder / name).read_bytes()) for name in manifest["files"]}
    manifest["version"] = version_of(manifest["files"])
    manifest["digest"] = digest_of(manifest)
    (folder / "bundle.json").write_text(json.dumps(manifest))


def test_a_bundle_of_other_feature_definitions_is_refused(copy: Path) -> None:
    _reseal(copy)
    assert Bundle.open(copy).spec_hash == SPEC.hash
    _reseal(copy, spec_hash="0" * 64)
    with pytest.raises(UsageError, match=r"features of people .000000000000. than this version"):
        Bundle.open(copy)
    head = json.loads((copy / "inflight.json").read_text())
    assert head["spec_hash"] == INFLIGHT.hash
    (copy / "inflight.json").write_text(json.dumps(head | {"spec_hash": SPEC.hash}))
    _reseal(copy, spec_hash=SPEC.hash)
    with pytest.raises(UsageError, match=r"features of running referrals .* train it again"):
        Bundle.open(copy)


def test_the_heads_say_what_the_files_say(release: Bundle) -> None:
    assert release.gate["state"] in {"PASS", "FAIL", "INSUFFICIENT_DATA"}
    assert {name for name in release.files if name.endswith(".json")} >= set(MODEL_FILES)
    for head in (release.commence, release.complete):
        row = dict.fromkeys(head.feature_names)
        lower, upper = head.interval(row)
        assert 0 <= lower <= head.probability(row) <= upper <= 1
        total = sum(head.explain(row).values()) + head.scorecard.intercept
        assert total == pytest.approx(head.scorecard.score(row), abs=1e-9)
        assert isinstance(head.scorecard, Scorecard)
    assert "Barely predictable" in release.read_text("model-card.md") or not (
        release.commence.barely_predictable or release.complete.barely_predictable
    )
    assert "Appeals and review" in release.read_text("transparency-record.md")


def test_sealing_keeps_the_version_and_writes_the_verdict(copy: Path) -> None:
    before = Bundle.open(copy)
    assert (
        writer.seal(copy, fairness={"findings": ["a gap"]}, gate={"state": "FAIL", "named": ["a gap"]})
        == before.version
    )
    after = Bundle.open(copy)
    assert not after.passed
    assert after.fairness == {"findings": ["a gap"]}
    assert "did not pass" in after.read_text("model-card.md")
    first = {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    writer.seal(copy, fairness={"findings": ["a gap"]}, gate={"state": "FAIL", "named": ["a gap"]})
    assert {path.name: path.read_bytes() for path in copy.iterdir() if path.is_file()} == first
    with pytest.raises(UsageError, match="state"):
        writer.seal(copy, fairness={}, gate={"state": "MAYBE"})


def test_flags_of_many_and_of_a_case_come_from_the_same_features(
    release: Bundle, histories: Histories
) -> None:
    """Two readers feed the one rule: what they read is the same, in the weeks looked back too."""
    middle = float(flag_all(histories, bundle=release, as_of=AS_OF)["p_not_completed_8w"].quantile(0.7) or 0)
    wide = replace(release, thresholds=replace(release.thresholds, raise_at=middle, clear_at=middle / 2))
    flags = flag_all(histories, bundle=wide, as_of=AS_OF)
    assert flags.columns == FLAG_COLUMNS
    outcomes = referral_outcomes(histories, known_before=AS_OF)
    assert flags["referral_id"].to_list() == outcomes.filter(pl.col("end") == "OPEN")["referral_id"].to_list()
    assert (np.diff(flags.select(FLAG_COLUMNS[4:7]).to_numpy(), axis=1) >= 0).all()
    between = flags["p_not_completed_8w"].is_between(middle / 2, middle, closed="left")
    looked_back = flags.filter(between)["flagged"]
    assert looked_back.any()
    assert not looked_back.all()
    known = catalogue.load()
    cases = list(histories.cases(sorted(set(flags["crn"]))))
    is_open = [referral for case in cases for referral in from_cases.open_referrals(case, AS_OF)]
    found = from_cases.flags(is_open, as_of=AS_OF, bundle=wide, catalogue=known)
    prompts = dict(
        zip(
            (case.crn for case in cases),
            from_cases.prompts_of(cases, as_of=AS_OF, catalogue=known),
            strict=True,
        )
    )
    rows = {
        flag.referral_id: (
            flag.crn, flag.as_of, flag.weeks_in, *flag.chances.values(), flag.flagged, flag.band,
            list(flag.reason_codes), list(prompts[flag.crn].changed), flag.bundle_version,
        )
        for flag in found
    }  # fmt: skip
    assert rows == {row[0]: row[1:] for row in flags.iter_rows()}


def test_terms_add_up_and_name_the_records_behind_them(release: Bundle, histories: Histories) -> None:
    row = flag_all(histories, bundle=release, as_of=AS_OF).to_dicts()[0]
    named = from_cases.open_referrals(histories.case(row["crn"]), AS_OF)
    (flag, *_) = from_cases.flags(named, as_of=AS_OF, bundle=release, catalogue=catalogue.load())
    head = release.inflight
    assert list(flag.terms) == list(head.not_completed.term_names)
    raw = sum(flag.terms.values()) + head.not_completed.intercept
    first = float(head.not_completed_calibration.predict(raw))
    assert 0 < first < max(flag.chances.values()) + 1e-9
    assert set(flag.evidence) == {name for name in head.feature_names if name != "intervention_type"}
    assert any(flag.evidence.values())


def test_a_head_of_other_features_is_refused() -> None:
    with pytest.raises(UsageError, match=r"does not have \(of_old\); train it again"):
        landmarks.features_of(("sessions_missed", "of_old"))


def test_the_release_is_registered_under_its_aliases(trained: Path, release: Bundle) -> None:
    from training.config import TrainingConfig
    from training.release import registry

    config = TrainingConfig.from_dict({"tracking": {"tracking_uri": f"sqlite:///{trained / 'mlflow.db'}"}})
    champion = registry.champion(config)
    assert (champion is not None) == release.passed
    if champion is not None:
        assert champion.version == release.version


def test_landmark_rows_do_not_see_what_was_known_later(histories: Histories) -> None:
    points = open_at(histories, AS_OF).head(20)
    cut = {
        name: histories.table(name).filter(pl.col("known_on") < AS_OF)
        for name in ("people", "sentences", "assessments", "circumstances", "contacts", "referrals", "referral_events", "sessions", "enforcement", "reoffences")
    }  # fmt: skip
    known = catalogue.load()
    then = rows(Histories.of({name: frame.collect() for name, frame in cut.items()}), points, catalogue=known)
    assert rows(histories, points, catalogue=known).equals(then)
