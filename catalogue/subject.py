"""One person's facts, held against what the fields can hold before any rule is asked."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from catalogue.errors import UsageError
from catalogue.fields import FIELDS, Field, Kind, Subject, Value


def checked(subject: Mapping[str, object]) -> Subject:
    """The same facts, each in its field's own form, with "not a number" as what it means in a frame: not recorded.

    A list may come as a list, tuple or set, a yes or no as 1 or 0, a number as any kind of number. Names that are no field
    are left out. Raises ``UsageError``, which names the field, what belongs there and never the value, where something else
    stands. A number beyond its scale is kept: the scale keeps impossible thresholds out of rules, not people.
    """
    return {
        name: _FORMS[FIELDS[name].kind](FIELDS[name], value)
        for name, value in subject.items()
        if name in FIELDS
    }


def not_on_scale(field: Field) -> UsageError:
    """What is said of a code that its field does not know."""
    return UsageError(
        f"The field '{field.name}' holds a value outside its scale; use one of {', '.join(field.scale)}."
    )


def _number(field: Field, value: object) -> Value:
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return None if value != value else value  # noqa: PLR0124  only NaN differs from itself
    unwrap = getattr(value, "item", None)
    if unwrap is not None:
        return _number(field, unwrap())
    raise UsageError(
        f"The field '{field.name}' holds something else than a number; write a number, or nothing where it is not recorded."
    )


def _flag(field: Field, value: object) -> Value:
    if value is None or isinstance(value, bool):
        return value
    unwrap = getattr(value, "item", None)
    if unwrap is not None:
        return _flag(field, unwrap())
    if isinstance(value, float) and value != value:  # noqa: PLR0124
        return None
    if isinstance(value, int | float) and value in {0, 1}:
        return value == 1
    raise UsageError(
        f"The field '{field.name}' holds something else than yes or no; write true or false, or nothing where it is not"
        " recorded."
    )


def _code(field: Field, value: object) -> Value:
    if value is None or (isinstance(value, str) and (field.codes_open or value in field.scale)):
        return value
    if isinstance(value, float) and value != value:  # noqa: PLR0124
        return None
    if isinstance(value, str):
        raise not_on_scale(field)
    raise UsageError(
        f"The field '{field.name}' holds something else than a code; write one, or nothing where it is not recorded."
    )


def _codes(field: Field, value: object) -> Value:
    if value is None:
        return None
    if not isinstance(value, list | tuple | set | frozenset):
        raise UsageError(
            f"The field '{field.name}' holds one value where a list belongs; write a list, empty where there is none."
        )
    codes = tuple(value) if isinstance(value, list | tuple) else tuple(sorted(value, key=str))
    for code in codes:
        if not isinstance(code, str) or not (field.codes_open or code in field.scale):
            if field.codes_open:
                raise UsageError(
                    f"The field '{field.name}' lists something else than codes; write codes only."
                )
            raise not_on_scale(field)
    return codes


_FORMS: Final[Mapping[Kind, Callable[[Field, object], Value]]] = MappingProxyType(
    {Kind.NUMBER: _number, Kind.FLAG: _flag, Kind.BAND: _code, Kind.CODE: _code, Kind.CODES: _codes}
)
