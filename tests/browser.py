"""Is there a Chromium for the browser tests, and if not, can Debian's be installed?

Run by `make test` before pytest. Where none can be had the suite says that it leaves the browser
tests out; under CI (CI=true) a missing browser is an error, so that nothing is left out unnoticed.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Path of a Chromium on this machine: CHROMIUM if set, else the first on PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> int:
    """Install Debian's Chromium if none is there and this user may; return an exit status."""
    if chromium():
        return 0
    if shutil.which("apt-get") and os.geteuid() == 0:
        print("Installing Debian's chromium for the browser tests")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(["apt-get", "update", "-qq"], check=False, **quiet)
        command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
        subprocess.run(command, check=False, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, **quiet)
        if chromium():
            return 0
    print("No Chromium is here and none could be installed: name one with CHROMIUM=…", file=sys.stderr)
    if os.environ.get("CI"):
        return 1
    print("The browser tests are LEFT OUT of this run.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(install())
