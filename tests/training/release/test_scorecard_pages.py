"""Every scorecard of a release has a page, and MLflow keeps the pages."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from catalogue.errors import UsageError
from features import columns
from scoring.effects import EffectModel
from training.release import scorecard_pages
from training.release.scorecard_pages import effect_card
from training.scorecard.page import to_html

MODIFIERS = [
    {"name": "motivation", "edges": [0.5, 1.5], "values": None, "basis": [[0.0], [1.0], [2.0], [0.0]]},
    {"name": "dependence", "edges": [0.5], "values": None, "basis": [[0.0], [1.0], [0.0]]},
    {"name": "rosh", "edges": None, "values": ["LOW", "HIGH"], "basis": [[0.0], [1.0], [0.0]]},
]
ARM = {
    "arm": "thinking-skills",
    "family": "cognitive",
    "intercept": 0.04,
    "tables": [[-0.02, 0.0, 0.03, 0.0], [0.01, -0.05, 0.0], [0.0, 0.02, -0.01]],
    "covariance": [0.0] * 10,
    "people": 321.0,
    "likeness": [[1.0] * 4, [1.0] * 3, [1.0] * 3],
    "facts": {},
    "counts": [[100, 200, 60, 40], [250, 130, 20], [300, 50, 50]],
}
UNCOUNTED = {name: part for name, part in ARM.items() if name != "counts"}


def document(arm: dict[str, object] = ARM) -> dict[str, object]:
    model = {
        "schema": "signpost.effects/1",
        "reference": "NONE",
        "level": 0.9,
        "z": 1.6448536269514722,
        "min_support": 30,
        "modifiers": MODIFIERS,
        "arms": [arm],
        "report": {},
    }
    return json.loads(json.dumps(model))


@pytest.mark.parametrize("motivation", [0, 1, 2, None])
@pytest.mark.parametrize("dependence", [True, False, None])
@pytest.mark.parametrize("rosh", ["LOW", "HIGH", "never seen", None])
def test_an_arms_page_shows_the_effect_that_is_served(
    *, motivation: int | None, dependence: bool | None, rosh: str | None
) -> None:
    row = {"motivation": motivation, "dependence": dependence, "rosh": rosh}
    for arm in (ARM, UNCOUNTED):
        card = effect_card(MODIFIERS, arm, yes_no={"dependence"})
        served = EffectModel.from_dict(document(arm)).effects(columns.of_row(row)).effect[0, 0]
        assert card.score(row) == pytest.approx(served, abs=1e-12)


def test_an_effect_has_bars_of_the_people_that_its_intervention_was_open_to() -> None:
    page = to_html(effect_card(MODIFIERS, ARM, yes_no={"dependence"}), per_hundred=True)
    assert "not counted" not in page
    shares = re.findall(r'<td class="n">([0-9.]+)%</td>', page)
    assert {"25.0", "50.0", "15.0", "10.0", "62.5", "32.5", "5.0", "75.0", "12.5", "0.0"} == set(shares)
    assert "An example" in page


def test_counts_survive_reading_and_writing_and_must_fit_the_bins() -> None:
    assert EffectModel.from_dict(document()).to_dict()["arms"][0]["counts"] == ARM["counts"]
    assert "counts" not in EffectModel.from_dict(document(UNCOUNTED)).to_dict()["arms"][0]
    with pytest.raises(UsageError, match="thinking-skills does not fit its modifiers"):
        EffectModel.from_dict(document(ARM | {"counts": [[1, 2, 3, 4], [1, 2, 3]]}))


def test_an_effect_is_said_in_hundreds_and_without_bars_that_were_not_counted() -> None:
    page = to_html(
        effect_card(MODIFIERS, UNCOUNTED, yes_no={"dependence"}), per_hundred=True, notes=("Mind <this>.",)
    )
    assert "+4.0 in 100" in page
    assert "Mind &lt;this&gt;." in page
    assert "not counted" in page
    assert ">yes<" in page
    assert "An example" not in page
    assert not re.search(r"-0\.0+<", page)
    assert np.isnan([float(found) for found in re.findall(r'height="([^"]+)"', page)]).sum() == 0


@pytest.mark.parametrize("name", ["shared_part", "moderation"])
def test_a_page_says_when_a_common_factor_follows(name: str) -> None:
    said = "then multiplied by one factor"
    plain = scorecard_pages._effect(document(), ARM, labels={}, yes_no=())
    factored = document() | {name: {"coefficients": [0.0, 0.2]}}
    assert said not in plain
    assert said in scorecard_pages._effect(factored, ARM, labels={}, yes_no=())
    assert said not in scorecard_pages._effect(
        document() | {name: {"coefficients": [0.0]}}, ARM, labels={}, yes_no=()
    )
