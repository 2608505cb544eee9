"""The page that explains the policy: from the release alone, with every number of the report."""

from collections.abc import Sequence
from html.parser import HTMLParser

import pytest

from scoring.effects import EffectModel
from tests.training.conftest import World
from training.benefit import BenefitModel, sensitivity
from training.benefit.tree import grow
from training.release import policy_page
from training.release.policy_page import PolicyLine


@pytest.fixture(scope="module")
def document(world: World) -> dict[str, object]:
    model = BenefitModel(threads=1, folds=2).fit(
        world.X, world.arm, world.outcome, groups=world.person, eligible=world.eligible_frame()
    )
    made = model.to_effect_model().to_dict()
    tree = grow(model.to_effect_model(), world.X, eligible=world.eligible_frame())
    leading = sensitivity.leading_suggestions(model, world.X, eligible=world.eligible_frame())
    report = made["report"] | {
        "policy_tree": tree.to_dict(),
        "leading_suggestions": leading.to_dict("records"),
    }
    return made | {"report": report}


def _depth(branches: Sequence[PolicyLine]) -> int:
    return 1 + max((_depth(branch.children) for branch in branches if branch.children), default=0)


def _texts(branches: Sequence[PolicyLine]) -> list[str]:
    return [text for branch in branches for text in (branch.text, *_texts(branch.children))]


def test_the_page_holds_tree_effects_and_sensitivity(document: dict[str, object]) -> None:
    page = policy_page.to_html(EffectModel.from_dict(document))
    HTMLParser().feed(page)
    report = document["report"]
    assert isinstance(report, dict)
    assert all(arm in page for arm in report["average_effects"])
    tree = policy_page.branches(report["policy_tree"])
    assert 1 <= _depth(tree) <= 4  # three questions, then what is suggested
    assert all(text in page for text in _texts(tree))
    rows = policy_page.leading_rows(report)
    assert rows
    assert all(cell in page for row in rows for cell in row)
    assert [int(row[1].replace(",", "")) for row in rows] == sorted(
        (row["people"] for row in report["leading_suggestions"]), reverse=True
    )


def test_a_release_without_a_tree_says_so(document: dict[str, object]) -> None:
    page = policy_page.to_html(EffectModel.from_dict(document | {"report": {}}))
    assert "holds no policy tree" in page
    assert "No intervention has enough recorded outcomes" in page
