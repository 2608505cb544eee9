"""`python -m serving`: the service with every setting from the environment, as a container runs it."""

from __future__ import annotations

import sys

from catalogue.errors import UsageError
from serving.run import serve
from serving.settings import Settings


def main() -> int:
    """Serve until stopped; 2 with one sentence when a setting cannot be used."""
    try:
        serve(Settings.from_environment())
    except UsageError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
