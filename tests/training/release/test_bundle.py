"""A release made by the command line on the small world: opened, tampered with, used for flags, registered."""

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import catalogue
from catalogue.errors import UsageError
from features.definitions import INFLIGHT, SPEC
from features.histories import Histories
from features.inflight import open_referrals
from scoring import landmarks, prompts
from scoring.bundle import MODEL_FILES, Bundle, digest_of, sha256, version_of
from scoring.flags import flag_all, flag_one
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


def test_flags_for_everybody_and_for_one_are_the_same(release: Bundle, histories: Histories) -> None:
    flags = flag_all(histories, bundle=release, as_of=AS_OF)
    assert flags.columns == FLAG_COLUMNS
    assert flags.height > 5
    assert set(flags["referral_id"]) == set(open_referrals(histories, as_of=AS_OF)["referral_id"])
    chances = flags.select(FLAG_COLUMNS[4:7]).to_numpy()
    assert (np.diff(chances, axis=1) >= 0).all()
    for row in flags.head(12).iter_rows(named=True):
        one = flag_one(histories.case(row["crn"]), row["referral_id"], as_of=AS_OF, bundle=release)
        assert list(one.probabilities.values()) == pytest.approx(
            [row[c] for c in FLAG_COLUMNS[4:7]], abs=1e-12
        )
        assert (one.flagged, one.band, one.weeks_in) == (row["flagged"], row["band"], row["weeks_in"])
        assert list(one.reason_codes) == row["reason_codes"]
        assert list(one.changed) == row["changed"]


def test_a_flag_between_its_thresholds_stays_up_only_if_it_was_raised_and_not_cleared_since(
    release: Bundle, histories: Histories
) -> None:
    from dataclasses import replace

    middle = float(flag_all(histories, bundle=release, as_of=AS_OF)["p_not_completed_8w"].quantile(0.7) or 0)
    wide = replace(release.thresholds, raise_at=middle, clear_at=middle / 2)
    held = replace(release, thresholds=wide)
    flags = flag_all(histories, bundle=held, as_of=AS_OF)
    between = flags.filter(pl.col("p_not_completed_8w").is_between(middle / 2, middle, closed="left"))
    assert between["flagged"].any()
    assert not between["flagged"].all()
    up = between.filter("flagged").head(3)
    for row in pl.concat([up, between.filter(~pl.col("flagged")).head(3)]).iter_rows(named=True):
        case = histories.case(row["crn"])
        assert flag_one(case, row["referral_id"], as_of=AS_OF, bundle=held).flagged == row["flagged"]


def test_a_head_that_is_barely_predictable_flags_and_bands_nobody(
    release: Bundle, histories: Histories
) -> None:
    from dataclasses import replace

    blind = replace(release, inflight=replace(release.inflight, barely_predictable=True))
    flags = flag_all(histories, bundle=blind, as_of=AS_OF)
    assert not flags["flagged"].any()
    assert set(flags["band"]) == {"NOT_BANDED"}
    row = flags.sort("p_not_completed_8w").tail(1).to_dicts()[0]
    one = flag_one(histories.case(row["crn"]), row["referral_id"], as_of=AS_OF, bundle=blind)
    assert (one.flagged, one.band) == (False, "NOT_BANDED")


def test_a_closed_or_unknown_referral_has_no_flag(release: Bundle, histories: Histories) -> None:
    ids = histories.collect("referrals").select("referral_id", "crn")
    closed = ids.filter(
        ~pl.col("referral_id").is_in(landmarks.open_at(histories, AS_OF)["referral_id"].to_list())
    )
    case = histories.case(closed["crn"][0])
    for referral in (closed["referral_id"][0], "none"):
        with pytest.raises(UsageError, match="open referral"):
            flag_one(case, referral, as_of=AS_OF, bundle=release)


def test_prompts_follow_from_the_records() -> None:
    crn = "A000001"
    known = {"crn": [crn] * 2, "kind": ["ACCOMMODATION"] * 2, "value": ["SETTLED", "NO_FIXED_ABODE"]}
    days = [date(2025, 1, 1), date(2025, 6, 10)]
    absent = [date(2025, 6, 5), date(2025, 6, 12)]
    histories = Histories.of(
        {
            "circumstances": pl.DataFrame({**known, "observed_on": days, "known_on": days}),
            "contacts": pl.DataFrame(
                {
                    "crn": [crn] * 2, "scheduled_on": absent, "known_on": absent, "kind": ["OFFICE"] * 2,
                    "outcome": ["UNACCEPTABLE_ABSENCE"] * 2,
                }
            ),
            "sentences": _table(
                "sentences", crn=crn, event_number=1, sentence_type="COMMUNITY_ORDER", starts_on=date(2024, 1, 1),
                ends_on=date(2025, 9, 20), sentenced_on=date(2024, 1, 1), known_on=date(2024, 1, 2),
            ),
            "assessments": _table(
                "assessments", crn=crn, assessment_id="a", completed_on=date(2024, 1, 10), layer=3,
                known_on=date(2024, 1, 10),
            ),
        }
    )  # fmt: skip
    points = pl.DataFrame({"crn": [crn] * 2, "as_of": [date(2025, 6, 25), date(2025, 6, 10)]})
    assert prompts.changed(histories, points) == [["ACCOMMODATION_LOST", "NEW_ABSENCE_PATTERN"], []]
    assert prompts.due(histories, points) == [
        ["THREE_MONTHS_BEFORE_END", "ASSESSMENT_OUT_OF_DATE"],
        ["ASSESSMENT_OUT_OF_DATE"],
    ]


def _table(name: str, **values: object) -> pl.DataFrame:
    from features.contract import TABLES

    schema = TABLES[name].polars_schema()
    return pl.DataFrame({column: [values.get(column)] for column in schema}, schema=schema)


def test_the_release_is_registered_under_its_aliases(trained: Path, release: Bundle) -> None:
    from training.config import TrainingConfig
    from training.release import registry

    config = TrainingConfig.from_dict({"tracking": {"tracking_uri": f"sqlite:///{trained / 'mlflow.db'}"}})
    champion = registry.champion(config)
    assert (champion is not None) == release.passed
    if champion is not None:
        assert champion.version == release.version


def test_landmark_rows_do_not_see_what_was_known_later(histories: Histories) -> None:
    points = landmarks.open_at(histories, AS_OF).head(20)
    cut = {
        name: histories.table(name).filter(pl.col("known_on") < AS_OF)
        for name in ("people", "sentences", "assessments", "circumstances", "contacts", "referrals", "referral_events", "sessions", "enforcement", "reoffences")
    }  # fmt: skip
    known = catalogue.load()
    then = landmarks.rows(
        Histories.of({name: frame.collect() for name, frame in cut.items()}), points, catalogue=known
    )
    assert landmarks.rows(histories, points, catalogue=known).equals(then)
