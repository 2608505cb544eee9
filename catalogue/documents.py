"""Read a file that people keep by hand into a model that checks itself, or say in one sentence what is wrong.

For rules, policies, registers and settings, not for records of people: a sentence may repeat a code that stands in
the file. To use it, declare the keys as a `Section` and call

    read_model(Policy, read_yaml(path, thing="The policy"), place=path.name)

A validator of a `Section` raises ``ValueError("says this; do that.")``. The sentence then begins with the place. It
raises `Wrong` instead where the caller wants one of the classes of ``UsageError``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    WrapValidator,
    model_validator,
)
from pydantic_core import ErrorDetails

from catalogue.errors import UsageError

Document: TypeAlias = Mapping[str, object]

Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""
Whole = Annotated[int, Field(strict=True)]
"""A whole number; neither ``true`` nor ``'3'`` is one."""
Number = Annotated[
    float,
    Field(strict=True, allow_inf_nan=False),
    WrapValidator(lambda given, check: (check(given), given)[1]),
]
"""A number that is neither infinite nor NaN; a whole one stays an ``int``, as it is written."""
YesNo = Annotated[bool, Field(strict=True)]
"""``true`` or ``false``."""
Day = Annotated[date, Field(strict=True)]
"""A date as YAML writes it, without quotes and without a time."""


def within(code: str, allowed: Collection[str]) -> str:
    """The code, which must be one of those allowed; ``ValueError`` lists them."""
    if code not in allowed:
        raise ValueError(f"holds '{code}'; use one of {', '.join(allowed)}.")
    return code


def one_of(allowed: Collection[str]) -> AfterValidator:
    """An annotation for a text that must be one of these codes; `within` says the error."""
    return AfterValidator(lambda code: within(code, allowed))


def each_once(codes: tuple[str, ...]) -> tuple[str, ...]:
    """The list, which must hold something, and each thing once; for an ``AfterValidator``."""
    if not codes or len(set(codes)) != len(codes):
        raise ValueError("lists nothing, or one thing twice; list each once.")
    return codes


_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_QUOTED: Final = re.compile(r"'([^']*)'")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class Wrong(ValueError):  # noqa: N818  it is raised inside a model only, and comes out as `kind`
    """What a validator found, to be raised as ``kind`` once the place is known."""

    def __init__(self, kind: type[UsageError], words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Section(BaseModel):
    """The keys that may stand in one mapping of a file; frozen, and an unknown key is an error that lists the known."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, document: object) -> object:
        if isinstance(document, Mapping):
            known = {field.alias or name for name, field in cls.model_fields.items()}
            unknown = sorted(str(key) for key in document if key not in known)
            if unknown:
                raise ValueError(
                    f"holds the unknown key '{unknown[0]}'; the keys are {', '.join(sorted(known))}."
                )
        return document


Model = TypeVar("Model", bound=BaseModel)


def read_model(
    model: type[Model],
    document: object,
    *,
    place: str,
    nouns: Mapping[str, str] = _NONE,
    context: object = None,
) -> Model:
    """What does this document say? ``UsageError`` says in one sentence the first thing that is wrong with it.

    Args:
        model: the `Section` that declares the keys, or any pydantic model.
        document: what `read_yaml` returned, or a part of it.
        place: where the document stands, as a person would look for it; it opens the sentence.
        nouns: what one item of a list is called, by the key of the list: ``{"criteria": "rule"}`` gives "rule 2".
        context: what validators may ask of ``info.context``.
    """
    try:
        return model.model_validate(document, context=context)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raised = first.get("ctx", {}).get("error")
        kind = raised.kind if isinstance(raised, Wrong) else UsageError
        where = ", ".join((place, *_steps(document, first["loc"], nouns)))
        raise kind(f"{where} {_words(first).rstrip('.')}.") from error


def _steps(document: object, loc: Sequence[int | str], nouns: Mapping[str, str]) -> list[str]:
    """The keys and items that lead to the error; parts of ``loc`` that are not in the document name types, so are left out."""
    steps: list[str] = []
    for part in loc:
        if isinstance(document, Mapping) and part in document:
            document = document[part]
            steps.append(str(part))
        elif isinstance(document, Sequence) and isinstance(part, int):
            document = document[part]
            if steps and steps[-1] in nouns:
                steps[-1] = f"{nouns[steps[-1]]} {part + 1}{_label(document)}"
            else:
                steps.append(f"item {part + 1}{_label(document)}")
    return steps


def _label(item: object) -> str:
    """The code or id of an item of a list, where it has one."""
    name = (item.get("code") or item.get("id")) if isinstance(item, Mapping) else None
    return f" ({name})" if isinstance(name, str) else ""


_OF_LIMITS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greater_than": "is not above {gt}; correct it",
        "greater_than_equal": "is below {ge}; correct it",
        "less_than": "is not below {lt}; correct it",
        "less_than_equal": "is above {le}; correct it",
        "too_short": "lists fewer than {min_length}; add what is missing",
    }
)
"""What is said by pydantic's type of error, where a value is of the right kind and out of bounds."""
_OF_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "string": "holds no text where one belongs; write one",
        "int": "holds no whole number where one belongs; write one",
        "float": "holds no number where one belongs; write one",
        "finite": "holds no number where one belongs; write one",
        "bool": "holds neither true nor false where one belongs; write one",
        "tuple": "holds something else than a list; write it in brackets or with dashes",
        "list": "holds something else than a list; write it in brackets or with dashes",
        "dict": "holds something else than keys and values; correct its indentation",
        "mapping": "holds something else than keys and values; correct its indentation",
        "model": "holds something else than keys and values; correct its indentation",
    }
)
"""What is said by the first word of pydantic's type of error, where a value is not of the kind that belongs there."""


def _words(error: ErrorDetails) -> str:
    """What is wrong there and what to do, to follow the place."""
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    opening = kind.split("_", 1)[0]
    if kind == "value_error":
        return str(context["error"])
    if kind == "missing":
        return f"lacks '{error['loc'][-1]}'; add it"
    if kind in {"enum", "literal_error"}:
        held = f"'{given}'" if isinstance(given, str) else "something else"
        return f"holds {held}; use one of {', '.join(_QUOTED.findall(context['expected']))}"
    if opening == "date":
        quoted = "without quotes " if isinstance(given, str) and _DATE.fullmatch(given) else ""
        return f"holds no date where one belongs; write it {quoted}as 2021-06-26"
    if kind in _OF_LIMITS:
        # A limit of a number that is not whole comes as 1.0.
        return _OF_LIMITS[kind].format(
            **{name: str(limit).removesuffix(".0") for name, limit in context.items()}
        )
    return _OF_KINDS.get(opening, "holds something that does not belong there; correct it")


class _RepeatedKeyError(yaml.constructor.ConstructorError):
    """A key stands twice in one mapping; the mark is where it stands again."""


class UniqueKeyLoader(yaml.CSafeLoader):
    """YAML that refuses a key given twice instead of keeping the last."""


def _mapping_without_duplicates(loader: UniqueKeyLoader, node: yaml.MappingNode) -> dict[object, object]:
    loader.flatten_mapping(node)
    pairs = [
        (loader.construct_object(key, deep=True), loader.construct_object(value, deep=True))
        for key, value in node.value
    ]
    mapping: dict[object, object] = {}
    for (key, value), (written, _) in zip(pairs, node.value, strict=True):
        if key in mapping:
            raise _RepeatedKeyError(None, None, f"a key stands twice: '{key}'", written.start_mark)
        mapping[key] = value
    return mapping


UniqueKeyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_without_duplicates)


def read_yaml(path: Path, *, thing: str) -> dict[str, Any]:
    """Which keys and values does a YAML file hold? A key that stands twice is an error; an empty file holds none.

    ``thing`` says what the file is, as the opening of the sentence: "The register". Raises ``UsageError`` with the
    name of the file, and the line where one is known.
    """
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=UniqueKeyLoader)  # noqa: S506  a subclass of the safe loader
    except OSError as error:
        raise UsageError(
            f"{thing} '{path.name}' cannot be opened as a file; check that it is there and is a file."
        ) from error
    # ValueError: text that is not UTF-8, and a date that is none; TypeError: a key that is itself a mapping.
    except (yaml.YAMLError, ValueError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        why = f" ({error.problem})" if isinstance(error, _RepeatedKeyError) else ""
        raise UsageError(f"{thing} '{path.name}' is not readable YAML{line}{why}; correct it.") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise UsageError(f"{thing} '{path.name}' must be a mapping of keys to values; correct it.")
    return document
