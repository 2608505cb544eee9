"""A page of a longer list, in the shape that Spring services give it."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """`content` is one page, `number` of `totalPages`, counted from 0."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")

    content: list[Item]
    total_elements: int
    total_pages: int
    number: int
    size: int
    number_of_elements: int
    first: bool
    last: bool
    empty: bool
