"""The strings of the screens, read from `messages/`: one file a language, the same keys in each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

import yaml

FOLDER: Final = Path(__file__).parent / "messages"


@cache
def messages(language: str) -> Mapping[str, str]:
    """Every string of a language, by its dotted key.

    Raises:
        FileNotFoundError: when there is no file of that language.
        ValueError: when something in the file is not a string.
    """
    content = yaml.safe_load((FOLDER / f"{language}.yaml").read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    for group, lines in content.items():
        for name, text in lines.items():
            if not isinstance(text, str):
                raise ValueError(f"{group}.{name} is not a string")  # noqa: TRY004  a fault in a file, not in a call
            found[f"{group}.{name}"] = text
    return found


class Sayer:
    """Says things in one language."""

    def __init__(self, language: str = "en") -> None:
        self.language = language
        self._messages = messages(language)

    def __call__(self, key: str, **values: object) -> str:
        """The string of this key with its names filled in.

        Raises:
            KeyError: for a key or a name that there is not.
        """
        text = self._messages[key]
        return text.format(**values) if values else text

    def or_plain(self, group: str, code: str | None, *, unknown: str = "") -> str:
        """The string of a code, or the code in plain letters when the file does not have it."""
        if code is None:
            return unknown
        return self._messages.get(f"{group}.{code}", code.replace("_", " ").capitalize())
