"""The example of docs/fairness.md, on a public data set that scikit-learn carries, as it stands there."""

import re
from pathlib import Path

import pytest
from fairlearn.metrics import MetricFrame, selection_rate

from fairness import Audit, RelativeRate, relative_rate

PAGE = Path(__file__).parents[2] / "docs" / "fairness.md"


@pytest.fixture(scope="module")
def made() -> dict[str, object]:
    """What the example leaves behind."""
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(example, PAGE.name, "exec"), names)  # the project's own page
    return names


def test_the_documented_example_runs_and_agrees_with_fairlearn(
    made: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    audit, groups, score, worse = made["audit"], made["groups"], made["score"], made["worse"]
    assert isinstance(audit, Audit)
    print(audit)
    assert "Gate without a register" in capsys.readouterr().out
    theirs = MetricFrame(
        metrics=selection_rate,
        y_true=worse,
        y_pred=score >= 0.5,  # type: ignore[operator]  # an array
        sensitive_features=groups["sex"],  # type: ignore[index]  # a mapping
    ).by_group
    for name in ("first", "second"):
        assert audit.get("selection_rate", "sex", name).rate == pytest.approx(theirs[name], abs=1e-12)
    assert audit.agreement.largest_difference < 1e-12
    assert set(audit.table["characteristic"]) == {"sex", "age"}


def test_the_documented_relative_rate_is_what_the_call_gives() -> None:
    found = relative_rate(30, 100, 20, 200)
    assert isinstance(found, RelativeRate)
    assert found.ratio == pytest.approx(3.0)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower < 3.0 < found.upper
