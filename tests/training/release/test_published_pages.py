"""The pages of a trained release: one for each head and for each intervention's effect, and MLflow has them."""

from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from scoring.bundle import Bundle
from training.config import TrainingConfig
from training.release import scorecard_pages
from training.release.registry import register

HEADS = {"commence.html", "complete.html", "inflight-not-completed.html", "inflight-completed.html"}


@pytest.fixture(scope="module")
def pages(trained_bundle: Path) -> dict[str, str]:
    return scorecard_pages.pages(Bundle.open(trained_bundle))


def test_every_head_and_every_arm_has_a_page_that_the_index_names(
    trained_bundle: Path, pages: dict[str, str]
) -> None:
    bundle = Bundle.open(trained_bundle)
    assert set(pages) == {"index.html", *HEADS, *(f"benefit/{arm}.html" for arm in bundle.benefit.arms)}
    assert all(f'href="{name}"' in pages["index.html"] for name in pages if name != "index.html")
    for name in bundle.commence.scorecard.used_features:
        assert bundle.commence.labels[name] in pages["commence.html"]
    assert all("<script" not in page and "http" not in page.lower() for page in pages.values())
    assert pages == scorecard_pages.pages(bundle)


def test_mlflow_keeps_the_pages(trained_bundle: Path, pages: dict[str, str], tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    config = TrainingConfig.model_validate({"tracking": {"tracking_uri": store}})
    made = register(trained_bundle, config=config, metrics={})
    client = MlflowClient(tracking_uri=store)
    kept = {item.path for item in client.list_artifacts(made.run_id, "scorecards")}
    assert {f"scorecards/{name}" for name in (*HEADS, "index.html")} <= kept
    arms = client.list_artifacts(made.run_id, "scorecards/benefit")
    assert len(arms) == sum(name.startswith("benefit/") for name in pages)
