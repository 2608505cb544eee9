"""Which release becomes champion, and what MLflow keeps of the reason."""

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from training.config import TrainingConfig
from training.release import policy_page, registry, scorecard_pages
from training.release.registry import promotion

DAY = date(2024, 1, 1)


@pytest.mark.parametrize(
    ("gate", "champion", "metrics", "expected"),
    [
        ("PASS", False, {}, True),
        ("FAIL", False, {}, False),
        ("INSUFFICIENT_DATA", False, {}, False),
        ("PASS", True, {"commence_log_loss": 0.6, "champion_commence_log_loss": 0.6}, True),
        ("PASS", True, {"commence_log_loss": 0.61, "champion_commence_log_loss": 0.6}, False),
        ("PASS", False, {"commence_log_loss": 0.6}, True),
        ("PASS", True, {"commence_log_loss": 0.6}, False),
        ("PASS", True, {}, False),
        (
            "PASS",
            True,
            {"commence_log_loss": 0.6, "complete_log_loss": 0.1, "champion_commence_log_loss": 0.6},
            False,
        ),
    ],
)
def test_who_becomes_champion(gate: str, champion: bool, metrics: dict[str, float], expected: bool) -> None:  # noqa: FBT001
    assert promotion(gate=gate, metrics=metrics, champion=champion)[0] is expected


@pytest.mark.parametrize("theirs", [{}, {"champion_inflight_log_loss": 0.9}])
def test_a_champion_that_cannot_be_scored_is_replaced_by_hand_only(theirs: dict[str, float]) -> None:
    ours = {"commence_log_loss": 0.1, "complete_log_loss": 0.1, "inflight_log_loss": 0.1}
    assert promotion(gate="PASS", metrics=ours | theirs, champion=True) == (
        False,
        "the present champion cannot be scored on the same block; promote by hand",
    )


def test_a_version_that_stays_challenger_is_tagged_with_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "bundle.json").write_text("{}")
    bundle = SimpleNamespace(
        version="v", gate={"state": "PASS"}, spec_hash="s", catalogue_hash="c", training_date=DAY,
        folder=tmp_path / "bundle", benefit=None,
    )  # fmt: skip
    monkeypatch.setattr(registry.Bundle, "open", lambda _folder: bundle)
    monkeypatch.setattr(scorecard_pages, "write", lambda _bundle, _folder: None)
    monkeypatch.setattr(policy_page, "write", lambda _benefit, _folder: None)
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = TrainingConfig.from_dict({"tracking": {"tracking_uri": uri}})
    first, second = (
        registry.register(bundle.folder, config=config, metrics={"commence_log_loss": loss})
        for loss in (0.6, 0.1)
    )
    assert first.aliases == ("challenger", "champion")
    assert second.aliases == ("challenger",)
    from mlflow.tracking import MlflowClient  # after the registry has set it to keep quiet

    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    model = config.tracking.model
    assert str(client.get_model_version_by_alias(model, "champion").version) == first.model_version
    tags = client.get_model_version(model, second.model_version).tags
    assert tags["promotion"] == "the present champion cannot be scored on the same block; promote by hand"
