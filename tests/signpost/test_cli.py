"""A wrong command, a missing folder, a broken file: one clear sentence, status 2, no traceback."""

from pathlib import Path

import pytest

from tests.conftest import signpost

DATES = ("--start", "2021-01-01", "--end", "2025-12-31")


def assert_one_sentence(result: object) -> None:
    assert result.returncode == 2, result.stderr
    assert result.stdout == ""
    assert result.stderr.startswith("signpost: ")
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("nosuch",), "nosuch"),
        (("synthesise", "--people", "many"), "--people"),
        (("synthesise", "--people", "3", "--seed", "1", *DATES, "--out", "x"), "--people"),
        (("synthesise", "--people", "500", "--seed", "1", "--start", "yesterday"), "--start"),
        (("synthesise", "--people", "500", "--seed", "1", *DATES), "--out"),
        (("features", "--histories", "nowhere", "--as-of", "2025-01-01", "--out", "f.parquet"), "nowhere"),
        (
            (
                "features",
                "--histories",
                "nowhere",
                "--as-of",
                "2025-01-01",
                "--out",
                "f.parquet",
                "--engine",
                "abacus",
            ),
            "abacus",
        ),
        (("check", "nowhere"), "nowhere"),
        (("train", "--histories", "nowhere", "--out", "b"), "nowhere"),
        (
            (
                "suggest",
                "--histories",
                "nowhere",
                "--bundle",
                "b",
                "--as-of",
                "2025-01-01",
                "--out",
                "s.parquet",
            ),
            "nowhere",
        ),
        (("serve", "--bundle", "nowhere", "--database", "sqlite:///x.db"), "nowhere"),
        (("catalogue", "show", "no-such-intervention"), "no-such-intervention"),
        (("ingest", "--histories", "nowhere", "--database", "sqlite:///x.db"), "nowhere"),
        (("synthesise", "--people", "500", "--seed", "1", *DATES, "--out", "/dev/null/x"), "/dev/null"),
    ],
)
def test_unusable_input_is_one_sentence_that_names_it(
    arguments: tuple[str, ...], names: str, tmp_path: Path
) -> None:
    result = signpost(*arguments, cwd=tmp_path, env={"DEV_AUTH": "1"})
    assert_one_sentence(result)
    assert names in result.stderr


def test_a_broken_table_is_named(small_world: Path, tmp_path: Path) -> None:
    for table in small_world.glob("*.parquet"):
        (tmp_path / table.name).symlink_to(table)
    (tmp_path / "people.parquet").unlink()
    (tmp_path / "people.parquet").write_bytes(b"PAR1 this is not a table PAR1")
    for command in (
        ("check", tmp_path),
        ("features", "--histories", tmp_path, "--as-of", "2025-01-01", "--out", tmp_path / "f"),
    ):
        result = signpost(*command)
        assert_one_sentence(result)
        assert "people" in result.stderr


def test_a_damaged_bundle_is_refused(trained_bundle: Path, small_world: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    for path in trained_bundle.iterdir():
        if path.is_file():
            (bundle / path.name).write_bytes(path.read_bytes())
    (bundle / "complete.json").write_text((bundle / "complete.json").read_text().replace("0", "1", 1))
    result = signpost(
        "suggest",
        "--histories",
        small_world,
        "--bundle",
        bundle,
        "--as-of",
        "2025-06-30",
        "--out",
        tmp_path / "s.parquet",
    )
    assert_one_sentence(result)
    assert "complete.json" in result.stderr


def test_every_command_shows_an_example_in_its_help() -> None:
    listed = signpost("--help").stdout
    commands = [line.split()[0] for line in listed.split("Commands:")[1].splitlines() if line.strip()]
    assert {"synthesise", "check", "train", "serve", "explain"} <= set(commands)
    for command in commands:
        assert "signpost" in signpost(command, "--help").stdout, command


def test_a_database_that_cannot_be_reached_is_said_without_its_password(small_world: Path) -> None:
    for address in (
        "postgresql+psycopg://u:hushhush@127.0.0.1:1/x",
        "nosuch://u:hushhush@h/x",
        "sqlite:////dev/null/x.db",
    ):
        result = signpost("ingest", "--histories", small_world, "--database", address)
        assert_one_sentence(result)
        assert "database" in result.stderr or "store" in result.stderr
        assert "hushhush" not in result.stderr
