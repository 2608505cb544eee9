"""The training configuration: errors name the key, and every option is explained."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from catalogue.errors import UsageError
from signpost.commands.train import train
from training.config import TrainingConfig, example


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("colour: red\n", "The training configuration c.yaml holds the unknown key 'colour'; the keys are"),
        ("flags:\n  clears: 1\n", "c.yaml, flags holds the unknown key 'clears'; the keys are clear_ratio,"),
        ("flags:\n  horizon_weeks: 9\n", "c.yaml flags a horizon_weeks that is not among"),
        ("flags:\n  clear_ratio: 2\n", "c.yaml, flags, clear_ratio is above 1; correct it."),
        ("seed: early\n", "c.yaml, seed holds no whole number where one belongs; write one."),
        ("inflight:\n  horizons_weeks: [8, 4]\n", "c.yaml, inflight lists horizons_weeks that do not rise"),
        ("seed: 1\nseed: 2\n", "is not readable YAML, line 2 (a key stands twice: 'seed')"),
        ("- 3\n", "must be a mapping of keys to values"),
        ("{", "is not readable YAML"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError, match=re.escape(sentence)):
        TrainingConfig.load(tmp_path / "c.yaml")


def explained(text: str) -> list[tuple[str, str, str]]:
    """Every option of a printed configuration: dotted name, value, and the comment above it."""
    found, section, comment = [], "", ""
    for line in text.splitlines():
        name, colon, value = line.strip().partition(":")
        if line.strip().startswith("#"):
            comment = line.strip("# ")
        elif colon and not value:
            section = f"{name}."
        elif colon:
            found.append(((section if line.startswith(" ") else "") + name, value.strip(), comment))
            comment = ""
    return found


def test_the_printed_configuration_explains_every_option_and_is_the_default(tmp_path: Path) -> None:
    printed = CliRunner().invoke(train, ["--show-config"])
    assert printed.exit_code == 0
    (tmp_path / "c.yaml").write_text(printed.output)
    assert TrainingConfig.load(tmp_path / "c.yaml") == TrainingConfig()
    options = explained(printed.output)
    assert [name for name, _, _ in options] == list(TrainingConfig().flat())
    assert all(comment for _, _, comment in options)


def test_every_option_is_explained_where_people_read_it() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    for name, default, explanation in explained(example()):
        assert f"| `{name}` | {default} | {explanation} |" in documented
