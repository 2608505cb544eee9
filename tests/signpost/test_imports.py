"""Imports run one way: no module reads another that, directly or by way of others, reads it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (
    "catalogue",
    "charts",
    "pages",
    "features",
    "worlds",
    "scoring",
    "training",
    "fairness",
    "serving",
    "signpost",
)


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """What a module imports of ours, also inside functions and for types alone."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            parts = (f"{node.module}.{each.name}" for each in node.names)
            names.update(part if part in known else node.module for part in parts)
    return names & set(known)


def test_there_is_no_circle() -> None:
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}
    assert len(graph) > 150
    assert sum(map(len, graph.values())) > len(graph)
    list(TopologicalSorter(graph).static_order())  # CycleError names the circle


def test_a_circle_for_types_alone_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from other import Thing\n")
    other.write_text("def f():\n    import one\n")
    known = {"one": one, "other": other}
    with pytest.raises(CycleError):
        list(TopologicalSorter({name: imported(path, known) for name, path in known.items()}).static_order())
