"""Helpers to check a page of Markdown: its sentences, the paths it names and its links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]

_FENCE: Final = re.compile(r"^```.*?^```[^\n]*$", re.DOTALL | re.MULTILINE)
_LEFT_OUT: Final = re.compile(r"^(#|\||\*\*Held by\*\*)")
_LABEL: Final = re.compile(r"\*\*[^*\n]{1,60}[.:]\*\*")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\(([^)\s]+)\)")
_CODE: Final = re.compile(r"`([^`\n]+)`")
_ITEM: Final = re.compile(r"^(?:[-*+]|\d+\.)\s+")
_END: Final = re.compile(r"(?<=[.!?])[)\"”*]*\s+")
_HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)

# Kept files are written by hand, so a bare name of one is a file of the repository. JSON, CSV and HTML files are often
# what a command writes: their bare names are not looked for.
_KEPT: Final = (".lock", ".md", ".py", ".toml", ".yaml", ".yml")
_PATH: Final = re.compile(r"[\w.-]+(?:/[\w.*-]+)*/?")
_SUFFIX: Final = re.compile(r"\.[a-z][a-z0-9]{0,5}$")
# Folders and pages that commands write.
_WRITTEN: Final = (
    ".demo",
    "equality-report",
    "model-card.md",
    "quarantine",
    "runs",
    "transparency-record.md",
    "truth",
)
_NOT_OURS: Final = {"node_modules", "dist", "build"}


def without_targets(text: str) -> str:
    """The page with the words of its links and not their targets."""
    return _LINK.sub(r"\1", text)


def prose(text: str) -> list[str]:
    """The paragraphs and list items of a page: without fenced code, tables, headings, bold labels and link targets."""
    blocks: list[str] = []
    inside = False
    for raw in _FENCE.sub("", text).splitlines():
        line = raw.strip()
        if not line or _LEFT_OUT.match(line):
            inside = False
            continue
        begins = bool(_ITEM.match(line))
        line = _LABEL.sub("", without_targets(_ITEM.sub("", line))).strip()
        if inside and not begins:
            blocks[-1] += f" {line}"
        else:
            blocks.append(line)
        inside = True
    return [block for block in blocks if block]


def sentences(text: str) -> list[str]:
    """The sentences of a page. Code between backticks stands as one word; a list item ends a sentence."""
    return [
        sentence
        for block in prose(text)
        for sentence in _END.split(_CODE.sub("code", block))
        if words(sentence)
    ]


def words(sentence: str) -> int:
    """How many words a sentence has."""
    return sum(any(character.isalnum() for character in word) for word in sentence.split())


def mean_sentence(text: str) -> float:
    """Words in a sentence of the page, on average; 0 for a page without sentences."""
    lengths = [words(sentence) for sentence in sentences(text)]
    return sum(lengths) / len(lengths) if lengths else 0.0


def paths(text: str) -> list[str]:
    """What stands between backticks and looks like a file or a folder of this repository."""
    found = []
    for code in _CODE.findall(_FENCE.sub("", text)):
        if not _PATH.fullmatch(code) or code.split("/")[0] in _WRITTEN:
            continue
        named = bool(_SUFFIX.search(code.rstrip("/")))
        folder = code.endswith("/") or (ROOT / code.split("/")[0]).is_dir()
        if ("/" in code and (named or folder)) or code.endswith(_KEPT):
            found.append(code)
    return found


def missing_paths(text: str, *, room: str = "") -> list[str]:
    """Paths on the page that this repository does not hold.

    A path begins at the root, or in the room that the page is about. `*` stands for any name. A bare name is a file
    anywhere.
    """
    return [path for path in paths(text) if not (_held(path) or (room and _held(f"{room}/{path}")))]


def _held(path: str) -> bool:
    if "/" in path:
        return any(ROOT.glob(path.rstrip("/")))
    if (ROOT / path).exists():
        return True
    rooms = (
        room
        for room in ROOT.iterdir()
        if room.is_dir() and not room.name.startswith(".") and room.name not in _NOT_OURS
    )
    return any(
        _NOT_OURS.isdisjoint(found.relative_to(ROOT).parts) for room in rooms for found in room.rglob(path)
    )


def broken_links(page: Path) -> list[str]:
    """Links from a page to files or headings that do not exist. Addresses of the web are not followed."""
    text = _CODE.sub("", _FENCE.sub("", page.read_text(encoding="utf-8")))
    broken = []
    for _, target in _LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        to = (page.parent / place).resolve() if place else page
        if not to.exists() or (anchor and to.suffix == ".md" and anchor not in _anchors(to)):
            broken.append(target)
    return broken


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
