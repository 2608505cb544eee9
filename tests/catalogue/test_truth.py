"""Criteria over columns: Kleene's tables and laws, and a slow reference that works out the same for one person."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import catalogue
from catalogue import UsageError, pni, truth
from catalogue.checking import sample
from catalogue.criteria import (
    AllOf,
    AnyOf,
    Anything,
    Below,
    Between,
    CodeIn,
    ContainsAny,
    CountOf,
    Criterion,
    FirstRecorded,
    Highest,
    ItemTotal,
    Negated,
    NoneEligible,
    OnPathway,
    walk,
)
from catalogue.fields import FIELDS, FieldKind, Value
from catalogue.subjects import Subjects, fields_in
from catalogue.truth import FALSE, TRUE, UNKNOWN
from tests.catalogue import reference
from tests.catalogue.reference import Truth

WHOLE = catalogue.load()
CODE: Mapping[Truth, int] = {False: FALSE, None: UNKNOWN, True: TRUE}
TRUTHS: tuple[Truth, ...] = (True, False, None)
YES_OR_NO = [name for name, field in FIELDS.items() if field.kind is FieldKind.FLAG]
FLAGS = [CodeIn(name, (True,)) for name in YES_OR_NO]
Person = Mapping[str, Value]


def ask(criterion: Criterion, people: Sequence[Person]) -> list[int]:
    asked = truth.criteria([criterion])
    found: list[int] = asked.truths(Subjects.of(people))[asked.place[criterion]].tolist()
    return found


def combined(criterion: Criterion, parts: Sequence[Truth]) -> int:
    """How it comes out where its flags, in the order of ``FLAGS``, have these truths."""
    return ask(criterion, [dict(zip(YES_OR_NO, parts, strict=False))])[0]


# ---------------------------------------------------------------------------------------- tables and laws


@pytest.mark.parametrize(
    ("one", "other", "both", "either"),
    [
        (True, True, True, True),
        (True, False, False, True),
        (True, None, None, True),
        (False, False, False, False),
        (False, None, False, None),
        (None, None, None, None),
    ],
)
def test_the_tables_of_all_and_any(one: Truth, other: Truth, both: Truth, either: Truth) -> None:
    parts = tuple(FLAGS[:2])
    for pair in ((one, other), (other, one)):
        assert combined(AllOf(parts), pair) == CODE[both]
        assert combined(AnyOf(parts), pair) == CODE[either]


@pytest.mark.parametrize(("one", "opposite"), [(True, False), (False, True), (None, None)])
def test_the_table_of_not(one: Truth, opposite: Truth) -> None:
    assert combined(Negated(FLAGS[0]), [one]) == CODE[opposite]
    assert combined(NoneEligible(FLAGS[0]), [one]) == CODE[opposite]


@settings(deadline=None)
@given(st.lists(st.sampled_from(TRUTHS), min_size=1, max_size=6), st.data())
def test_at_least_is_what_every_completion_agrees_on(parts: list[Truth], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(parts)))
    flags = tuple(FLAGS[: len(parts)])
    found = combined(CountOf(count, flags), parts)
    assert found == CODE[reference.at_least(count, parts)]
    if count == 1:
        assert found == combined(AnyOf(flags), parts)
    if count == len(parts):
        assert found == combined(AllOf(flags), parts)
    # Fewer are no harder to reach, and the opposite is that so many of the opposites hold.
    assert count == 1 or combined(CountOf(count - 1, flags), parts) >= found
    opposites = tuple(Negated(each) for each in flags)
    assert TRUE - found == combined(CountOf(len(parts) - count + 1, opposites), parts)


@settings(deadline=None)
@given(st.lists(st.sampled_from(TRUTHS), min_size=1, max_size=6))
def test_the_opposite_of_all_is_any_of_the_opposites(parts: list[Truth]) -> None:
    flags = tuple(FLAGS[: len(parts)])
    opposites = tuple(Negated(each) for each in flags)
    assert combined(Negated(AllOf(flags)), parts) == combined(AnyOf(opposites), parts)
    assert combined(Negated(Negated(AnyOf(flags))), parts) == combined(AnyOf(flags), parts)
    assert combined(AllOf(flags), parts) == min(CODE[each] for each in parts)
    assert combined(AnyOf(flags), parts) == max(CODE[each] for each in parts)


@given(st.integers(0, 10), st.integers(0, 10), st.none() | st.integers(0, 10), st.none() | st.integers(0, 10))
def test_within_is_what_every_number_in_between_agrees_on(
    one: int, other: int, minimum: int | None, maximum: int | None
) -> None:
    lowest, highest = sorted((one, other))
    kept = {
        (minimum is None or each >= minimum) and (maximum is None or each <= maximum)
        for each in range(lowest, highest + 1)
    }
    found = int(
        truth.within(
            np.array([lowest], dtype=np.float64),
            np.array([highest], dtype=np.float64),
            minimum=-np.inf if minimum is None else minimum,
            maximum=np.inf if maximum is None else maximum,
        )[0]
    )
    if found == UNKNOWN:
        # Bounds that no number between can meet together are the one thing it may leave open.
        assert len(kept) == 2 or (minimum is not None and maximum is not None)
    else:
        assert {CODE[each] for each in kept} == {found}


# ------------------------------------------------------------------------------------ the slow reference


@cache
def candidates() -> Mapping[str, tuple[Value, ...]]:
    return sample.candidates(WHOLE)


def everything_and_nothing(seed: int, count: int) -> list[dict[str, Value]]:
    """Made-up people from fully to hardly recorded, and each of the first few with one answer more or less."""
    made = sample.people(WHOLE, count=count, seed=seed, unanswered=(0.0, 0.0, 0.0, 0.05, 0.2, 0.5, 0.9))
    # Nothing in the catalogue names a region or a unit, so made-up people all live in one.
    for place, person in enumerate(made):
        person |= {name: "elsewhere" for name in ("region", "pdu") if person[name] and place % 2}
    whole = sample.people(WHOLE, count=1, seed=seed, unanswered=(0.0,))[0]
    return [
        *made,
        *(whole | {name: None} for name in FIELDS),
        *({name: whole[name]} for name in FIELDS),
    ]


def missed(asked: truth.Criteria, subjects: Subjects) -> npt.NDArray[np.uint64]:
    return asked.missing(subjects, asked.truths(subjects))


def hold_against_the_reference(
    tests: Sequence[Criterion], people: Sequence[Person]
) -> Counter[tuple[str, Truth]]:
    """Same truths and same missing fields, of every criterion and part; counts what came out by kind."""
    asked, subjects = truth.criteria(tests), Subjects.of(people)
    found, missing = asked.truths(subjects), missed(asked, subjects)
    seen: Counter[tuple[str, Truth]] = Counter()
    identifier = any(isinstance(each, OnPathway) for each in asked.place)
    for row, person in enumerate(people):
        pathways = reference.reachable(person) if identifier else None
        for criterion, place in asked.place.items():
            expected = reference.truth(criterion, person, pathways)
            assert found[place, row] == CODE[expected], (criterion, person)
            wanted = fields_in(missing[place, :, row].tolist(), FIELDS)
            assert set(wanted) == reference.missing(criterion, person, pathways), (criterion, person)
            seen[type(criterion).__name__, expected] += 1
    return seen


def test_every_criterion_of_the_catalogue_comes_out_as_in_the_reference() -> None:
    tests = list(dict.fromkeys(sample.criteria(WHOLE)))
    seen = hold_against_the_reference(tests, everything_and_nothing(seed=1, count=150))
    kinds = {type(each).__name__ for each in tests}
    for kind in kinds - {"Anything"}:
        assert min(seen[kind, each] for each in TRUTHS) > 3, (kind, seen)
    assert seen["Anything", True] > 20


def drawn(rng: random.Random, depth: int) -> Criterion:
    """A criterion of any form, whatever the catalogue uses."""
    if depth:
        parts = tuple(drawn(rng, rng.randrange(depth)) for _ in range(rng.choice((1, 2, 2, 3, 4))))
        return rng.choice(
            (
                AllOf(parts),
                AnyOf(parts),
                CountOf(rng.randint(1, len(parts)), parts),
                Negated(parts[0]),
                NoneEligible(parts[0]),
                FirstRecorded(tuple(between(rng) for _ in parts)),
            )
        )
    return rng.choice(LEAVES)(rng)


def field_of(rng: random.Random, *kinds: FieldKind) -> str:
    return rng.choice([name for name, field in FIELDS.items() if field.kind in kinds])


def codes_of(rng: random.Random, name: str) -> tuple[Value, ...]:
    tried = [*candidates()[name], *(["elsewhere"] if FIELDS[name].codes_open else [])]
    return tuple(rng.sample(tried, k=rng.randint(1, min(3, len(tried)))))


def between(rng: random.Random) -> Between:
    name = field_of(rng, FieldKind.NUMBER)
    ends = sorted(float(str(rng.choice(candidates()[name]))) for _ in range(2))
    low, high = rng.choice(((True, True), (True, False), (False, True)))
    return Between(name, ends[0] if low else None, ends[1] if high else None)


def below(rng: random.Random) -> Below:
    name = field_of(rng, FieldKind.NUMBER)
    return Below(name, float(str(rng.choice(candidates()[name]))))


def one_of(rng: random.Random) -> CodeIn:
    name = field_of(rng, FieldKind.CODE, FieldKind.FLAG, FieldKind.BAND)
    return CodeIn(name, codes_of(rng, name))  # type: ignore[arg-type]


def contains_any(rng: random.Random) -> ContainsAny:
    name = field_of(rng, FieldKind.CODES)
    return ContainsAny(name, codes_of(rng, name))  # type: ignore[arg-type]


def highest(rng: random.Random) -> Highest:
    scales: dict[tuple[str, ...], list[str]] = {}
    for name, field in FIELDS.items():
        if field.kind is FieldKind.BAND:
            scales.setdefault(field.scale, []).append(name)
    bands = rng.choice(list(scales.values()))
    top = len(FIELDS[bands[0]].scale) - 1
    least, most = sorted((rng.randint(0, top), rng.randint(0, top)))
    low, high = rng.choice(((True, True), (True, False), (False, True)))
    chosen = tuple(rng.sample(bands, k=rng.randint(1, len(bands))))
    return Highest(chosen, least if low else None, most if high else None)


def total(rng: random.Random) -> ItemTotal:
    items = [name for name in FIELDS if name.startswith("q") and FIELDS[name].kind is FieldKind.NUMBER]
    chosen = tuple(rng.sample(items, k=rng.randint(1, 5)))
    return ItemTotal("made up", chosen, rng.randint(1, 2 * len(chosen)))


def on_pathway(rng: random.Random) -> OnPathway:
    return OnPathway(tuple(rng.sample(pni.PATHWAYS, k=rng.choice((1, 1, 2)))))


LEAVES = (
    between,
    below,
    one_of,
    contains_any,
    highest,
    total,
    on_pathway,
    lambda rng: Anything(field_of(rng, *FieldKind)),
)


def test_criteria_of_every_form_come_out_as_in_the_reference() -> None:
    rng = random.Random(5)
    tests = [drawn(rng, depth) for depth in (0, 1, 1, 2, 3) for _ in range(30)]
    seen = hold_against_the_reference(tests, everything_and_nothing(seed=2, count=40))
    for kind in (AllOf, AnyOf, CountOf, Negated, NoneEligible, FirstRecorded, OnPathway):
        assert min(seen[kind.__name__, each] for each in TRUTHS) > 20, (kind, seen)
    for kind in (Between, Below, CodeIn, ContainsAny, Highest, ItemTotal):
        assert min(seen[kind.__name__, each] for each in TRUTHS) > 20, (kind, seen)


def absence_is_an_answer(criterion: Criterion) -> set[str]:
    """Fields of it whose absence is itself an answer: a score that another stands in for, a SARA not done."""
    found: set[str] = set()

    def look(part: Criterion) -> None:
        if isinstance(part, FirstRecorded):
            found.update(part.fields)
        if isinstance(part, OnPathway):
            found.update(pni.SARA)

    walk(criterion, look)
    return found


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_filling_in_an_answer_never_turns_true_into_false_or_back(seed: int) -> None:
    rng = random.Random(seed)
    criterion = drawn(rng, rng.choice((0, 1, 2, 3)))
    whole = sample.people(WHOLE, count=1, seed=seed, unanswered=(0.0,))[0]
    kept = absence_is_an_answer(criterion)
    blank = [name for name in FIELDS if name not in kept]
    rng.shuffle(blank)
    # From nothing recorded to everything, one answer after another.
    people = [whole | dict.fromkeys(blank[:left]) for left in range(len(blank), -1, -1)]
    found = ask(criterion, people)
    for before, after in pairwise(found):
        assert before in {UNKNOWN, after}, criterion
    assert found[-1] != UNKNOWN


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_filling_in_what_is_missing_settles_every_criterion(seed: int) -> None:
    rng = random.Random(seed)
    criterion = drawn(rng, rng.choice((0, 1, 2, 3)))
    kinds: set[type] = set()
    walk(criterion, lambda part: kinds.add(type(part)))
    asked = truth.criteria([criterion])
    place = asked.place[criterion]
    person = sample.people(WHOLE, count=1, seed=seed, unanswered=(0.3, 0.6, 0.9))[0]
    whole = sample.people(WHOLE, count=1, seed=seed + 1, unanswered=(0.0,))[0]
    # The identifier asks for RSR only once it is known that OSP does not apply, or that it is a woman.
    for _ in range(2 if OnPathway in kinds else 1):
        subjects = Subjects.of([person])
        missing = fields_in(missed(asked, subjects)[place, :, 0].tolist(), FIELDS)
        assert bool(missing) is (ask(criterion, [person]) == [UNKNOWN])
        assert set(missing) <= set(criterion.fields)
        assert all(person[name] is None for name in missing)
        person |= {name: whole[name] for name in missing}
    assert ask(criterion, [person]) != [UNKNOWN]


# ------------------------------------------------------------------------------------ a table of one row


def test_people_one_by_one_come_out_as_together_and_in_any_order() -> None:
    people = everything_and_nothing(seed=3, count=80)
    rng = random.Random(4)
    asked = truth.criteria([*sample.criteria(WHOLE), *(drawn(rng, 2) for _ in range(40))])
    subjects = Subjects.of(people)
    together, missing = asked.truths(subjects), missed(asked, subjects)
    assert {FALSE, UNKNOWN, TRUE} == set(np.unique(together).tolist())
    for row, person in enumerate(people):
        alone = Subjects.of([person])
        assert np.array_equal(asked.truths(alone)[:, 0], together[:, row])
        assert np.array_equal(missed(asked, alone)[:, :, 0], missing[:, :, row])
    order = rng.sample(range(len(people)), k=len(people))
    other = Subjects.of([people[row] for row in order])
    assert np.array_equal(asked.truths(other), together[:, order])
    picked = subjects.rows(np.array(order))
    assert np.array_equal(asked.truths(picked), together[:, order])
    assert np.array_equal(missed(asked, picked), missing[:, :, order])
    assert asked.truths(Subjects.of([])).shape == (asked.size, 0)


def test_each_distinct_criterion_stands_once_and_its_parts_before_it() -> None:
    flag = CodeIn("q1_30", (True,))
    asked = truth.criteria(
        [AllOf((flag, Negated(flag))), flag, AnyOf((Negated(flag), AllOf((flag, Negated(flag)))))]
    )
    assert [type(each).__name__ for each in asked.place] == ["CodeIn", "Negated", "AllOf", "AnyOf"]
    assert list(asked.place.values()) == [0, 1, 2, 3]
    assert truth.criteria([]).truths(Subjects.of([{}])).shape == (0, 1)


def test_a_criterion_of_an_unknown_kind_is_refused() -> None:
    class Odd(CodeIn):
        """A leaf that nothing evaluates."""

    class OddOne(AllOf):
        """A whole of a known kind, which is evaluated as that."""

    with pytest.raises(UsageError, match="nothing evaluates"):
        truth.criteria([Odd("sex", ("MALE",))])
    with pytest.raises(UsageError, match="nothing evaluates"):
        truth.criteria([AllOf(())])
    assert combined(OddOne((FLAGS[0],)), [True]) == TRUE
