"""The training configuration: errors name the key, and every option is explained."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from catalogue.errors import UsageError
from signpost.commands.train import train
from training.config import TrainingConfig, options


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


def test_the_printed_configuration_explains_every_option_and_is_the_default(tmp_path: Path) -> None:
    printed = CliRunner().invoke(train, ["--show-config"])
    assert printed.exit_code == 0
    (tmp_path / "c.yaml").write_text(printed.output)
    assert TrainingConfig.load(tmp_path / "c.yaml") == TrainingConfig()
    lines = [line.strip() for line in printed.output.splitlines()]
    for name, default, explanation in options():
        place = lines.index(f"# {explanation}")
        assert lines[place + 1] == f"{name.rpartition('.')[2]}: {default}"


def test_every_option_is_explained_where_people_read_it() -> None:
    documented = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    for name, default, explanation in options():
        assert explanation, name
        assert f"| `{name}` | {default} | {explanation} |" in documented
