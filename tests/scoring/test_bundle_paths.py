"""A manifest cannot lead a reader out of its bundle."""

import json
from pathlib import Path

import pytest

from catalogue.errors import UsageError
from scoring.bundle import MANIFEST, Bundle, digest_of


@pytest.mark.parametrize("name", ["../outside.txt", "/etc/hostname", "a/b/c.txt", "equality-report/../../x"])
def test_files_outside_the_bundle_are_refused(trained_bundle: Path, tmp_path: Path, name: str) -> None:
    manifest = json.loads((trained_bundle / MANIFEST).read_text())
    manifest["files"][name] = "0" * 64
    manifest["digest"] = digest_of(manifest)
    (tmp_path / MANIFEST).write_text(json.dumps(manifest))
    for path in trained_bundle.iterdir():
        if path.name != MANIFEST:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(UsageError, match="not a file inside the bundle"):
        Bundle.open(tmp_path)


def test_a_changed_report_is_noticed(trained_bundle: Path, tmp_path: Path) -> None:
    for path in trained_bundle.iterdir():
        if path.is_file():
            (tmp_path / path.name).symlink_to(path)
    report = tmp_path / "equality-report"
    report.mkdir()
    for path in (trained_bundle / "equality-report").iterdir():
        (report / path.name).write_bytes(path.read_bytes() + (b" " if path.suffix == ".html" else b""))
    with pytest.raises(UsageError, match="hash differs"):
        Bundle.open(tmp_path)
