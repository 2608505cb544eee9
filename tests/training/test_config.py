"""The training configuration: errors name the key, and every option is explained."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from catalogue.errors import UsageError
from signpost.commands.train import train
from training.config import TrainingConfig, example


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("colour: red\n", "colour"),
        ("flags:\n  horizon_weeks: 9\n", "horizon_weeks"),
        ("seed: early\n", "seed"),
        ("inflight:\n  horizons_weeks: [8, 4]\n", "horizons_weeks"),
        ("- 3\n", "option"),
        ("{", "YAML"),
    ],
)
def test_a_wrong_configuration_names_what_is_wrong(tmp_path: Path, text: str, word: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UsageError, match=word):
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
