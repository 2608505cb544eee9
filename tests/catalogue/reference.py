"""A small, slow reference of the three-valued logic: one person, one criterion, plain Python.

It shares with the evaluator what a criterion says (``catalogue.criteria``) and the scales of the fields, and nothing of
how an answer is worked out. A truth is True, False or None (unknown).
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, reduce
from itertools import product

from catalogue import criteria as c
from catalogue.criteria import Criterion
from catalogue.fields import FIELDS, Value

Truth = bool | None
Person = Mapping[str, Value]


def truth(criterion: Criterion, person: Person, pathways: frozenset[str] | None = None) -> Truth:  # noqa: C901, PLR0911, PLR0912  one case a form
    """How does it come out? ``pathways`` spares working out ``reachable`` for each criterion of one person."""
    match criterion:
        case c.Anything():
            return True
        case c.CodeIn(field, values):
            return None if person.get(field) is None else person[field] in values
        case c.ContainsAny(field, values):
            held = person.get(field)
            return None if held is None else bool(set(values) & set(held))  # type: ignore[arg-type]
        case c.Between(field, minimum, maximum):
            return None if person.get(field) is None else _keeps(person[field], minimum, maximum)
        case c.Below(field, bound):
            return None if person.get(field) is None else person[field] < bound  # type: ignore[operator]
        case c.Highest(bands, minimum, maximum):
            scale = FIELDS[bands[0]].scale
            recorded = [scale.index(str(person[band])) for band in bands if person.get(band) is not None]
            least = max(recorded, default=0)
            # With a band missing, the highest is anything from what is recorded to the top of the scale.
            could_be = range(least, len(scale)) if len(recorded) < len(bands) else [least]
            return agreed(_keeps(each, minimum, maximum) for each in could_be)
        case c.ItemTotal(_, items, minimum):
            scores = [[person[item]] if person.get(item) is not None else [0, 1, 2] for item in items]
            return agreed(total >= minimum for total in sums(scores))
        case c.FirstRecorded(options):
            given = [truth(option, person) for option in options if person.get(option.field) is not None]
            return given[0] if given else None
        case c.OnPathway(levels):
            return agreed(each in levels for each in (reachable(person) if pathways is None else pathways))
        case c.AllOf(parts):
            return conjunction(truth(part, person, pathways) for part in parts)
        case c.AnyOf(parts):
            return negation(conjunction(negation(truth(part, person, pathways)) for part in parts))
        case c.Negated(part):
            return negation(truth(part, person, pathways))
        case c.CountOf(count, parts):
            return at_least(count, [truth(part, person, pathways) for part in parts])
    raise AssertionError(criterion)


def missing(criterion: Criterion, person: Person, pathways: frozenset[str] | None = None) -> set[str]:
    """Which unanswered fields would help to decide it: those of each unknown part, none where it is known.

    For the identifier, those of which ``wanted`` says that it waits for them.
    """
    if truth(criterion, person, pathways) is not None:
        return set()
    parts = c.parts_of(criterion)
    if parts:
        return set().union(*(missing(part, person, pathways) for part in parts))
    if isinstance(criterion, c.OnPathway):
        return wanted(person)
    return {field for field in criterion.fields if person.get(field) is None}


def negation(each: Truth) -> Truth:
    """The opposite; unknown stays unknown."""
    return None if each is None else not each


def conjunction(parts: Iterable[Truth]) -> Truth:
    """Do all hold? One that fails settles it."""
    held = list(parts)
    return False if False in held else None if None in held else True


def at_least(count: int, parts: Sequence[Truth]) -> Truth:
    """Do at least so many hold, whatever each unknown part turns out to be?"""
    completions = product(*[(False, True) if part is None else (part,) for part in parts])
    return agreed(sum(each) >= count for each in completions)


def agreed(answers: Iterable[bool]) -> Truth:
    """The answer on which all possibilities agree, or None."""
    different = set(answers)
    return different.pop() if len(different) == 1 else None


def sums(scores: Sequence[Sequence[Value]]) -> set[float]:
    """Every sum of one score from each."""
    return reduce(
        lambda found, choice: {one + other for one in found for other in choice},  # type: ignore[operator]
        scores,
        {0.0},
    )


def _keeps(value: Value, minimum: float | None, maximum: float | None) -> bool:
    assert isinstance(value, int | float)
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


# ---------------------------------------------------------------------------- the Programme Needs Identifier

ITEMS = {
    "sex": ("q11_11", "q11_12", "q6_12"),
    "thinking": ("q12_1", "q12_9"),
    "relationships": ("q6_1", "q6_6", "q7_3", "q11_3"),
    "self-management": ("q11_2", "q11_4", "q11_6", "q10_1"),
}
# The sums from which a domain scores 1 and 2, and the item whose 2 scores it 2 by itself.
TABLE = {
    "sex": (2, 4, "q11_12"),
    "thinking": (1, 3, "q12_1"),
    "relationships": (2, 5, None),
    "self-management": (2, 5, None),
}
BANDS = ("LOW", "MEDIUM", "HIGH")


def pathway(person: Person) -> str:
    """Where does the identifier lead somebody who answered everything? A SARA that was not done counts as low."""
    return _matrix(_need(person), _risk(person), person)


def _need(person: Person) -> str:
    return _need_of(_points(person))


def _need_of(points: float) -> str:
    return "HIGH" if points >= 6 else "MEDIUM" if points >= 3 else "LOW"


def _points(person: Person) -> int:
    """The points of the four domains together, of 0, 1 or 2 each."""
    found = 0
    for domain, (one, two, trump) in TABLE.items():
        score = sum(person[item] for item in ITEMS[domain])  # type: ignore[misc]
        points = 2 if score >= two or (trump and person[trump] == 2) else 1 if score >= one else 0
        gate_shut = domain == "sex" and not (person["q1_30"] or person["q6_11"])
        found += 0 if gate_shut else points
    return found


def _risk(person: Person) -> str:
    bands = [
        _cut(person["ogrs_2yr"], 50, 75),
        _cut(person["ovp_2yr"], 30, 60),
        _sara(person),
    ]
    osp = [str(person[name]) for name in ("osp_dc", "osp_iic")]
    if person["sex"] == "MALE":
        bands += [{"MEDIUM": "MEDIUM", "HIGH": "HIGH", "VERY_HIGH": "HIGH"}.get(each, "LOW") for each in osp]
    if person["sex"] == "FEMALE" or osp == ["NOT_APPLICABLE", "NOT_APPLICABLE"]:
        bands.append(_cut(person["rsr"], 1, 3))
    return max(bands, key=BANDS.index)


def _cut(value: Value, medium: float, high: float) -> str:
    assert isinstance(value, int | float)
    return "HIGH" if value >= high else "MEDIUM" if value >= medium else "LOW"


def _sara(person: Person) -> str:
    done = [str(person.get(name) or "LOW") for name in ("sara_partner", "sara_other")]
    return max(done, key=BANDS.index)


def _matrix(need: str, risk: str, person: Person) -> str:
    if _very_high(person) or (need == "HIGH" and risk == "HIGH"):
        return "MODERATE" if person["setting"] == "COMMUNITY" else "HIGH"
    if _sara(person) != "LOW" or (need != "LOW" and risk != "LOW"):
        return "MODERATE"
    return "ALTERNATIVE"


def _very_high(person: Person) -> bool:
    """OGRS of 75 or more with OVP of 60 or more or a high SARA, which leads to the top pathway by itself."""
    return person["ogrs_2yr"] >= 75 and (person["ovp_2yr"] >= 60 or _sara(person) == "HIGH")  # type: ignore[operator]


# Answers that tell every outcome of the identifier from every other.
_OTHERWISE: Mapping[str, tuple[Value, ...]] = {
    **{item: (0, 1, 2) for items in ITEMS.values() for item in items},
    "q1_30": (False, True),
    "q6_11": (False, True),
    "sex": ("MALE", "FEMALE"),
    "setting": ("COMMUNITY", "CUSTODY"),
    "ogrs_2yr": (0, 50, 75),
    "ovp_2yr": (0, 30, 60),
    "rsr": (0, 1, 3),
    "osp_dc": ("NOT_APPLICABLE", "LOW", "MEDIUM", "HIGH"),
    "osp_iic": ("NOT_APPLICABLE", "LOW", "MEDIUM", "HIGH"),
}
_NEED_FIELDS = ("q1_30", "q6_11", *(item for items in ITEMS.values() for item in items))
_RISK_FIELDS = ("sex", "setting", "ogrs_2yr", "ovp_2yr", "rsr", "osp_dc", "osp_iic")
_ALL_FIELDS = (*_NEED_FIELDS, *_RISK_FIELDS, "sara_partner", "sara_other")


def reachable(person: Person) -> frozenset[str]:
    """Which pathways does some way of filling in the missing answers lead to? Tries them all.

    Need and risk rest on different answers, so each is completed by itself.
    """
    return _reachable(tuple(person.get(name) for name in _ALL_FIELDS))


@cache
def _reachable(answers: tuple[Value, ...]) -> frozenset[str]:
    held = dict(zip(_ALL_FIELDS, answers, strict=True))
    needs = _needs(held)
    return frozenset(
        _matrix(need, _risk(whole), whole) for whole in _completions(held, _RISK_FIELDS) for need in needs
    )


def _completions(person: Person, names: Sequence[str]) -> Iterable[dict[str, Value]]:
    choices = [(person[name],) if person[name] is not None else _OTHERWISE[name] for name in names]
    return ({**person, **dict(zip(names, each, strict=True))} for each in product(*choices))


def _needs(person: Person) -> set[str]:
    """Every band of need that completions lead to, domain by domain, since each has answers of its own."""
    nothing = dict.fromkeys(_NEED_FIELDS, 0)
    points = []
    for domain, items in ITEMS.items():
        names = (*items, "q1_30", "q6_11") if domain == "sex" else items
        alone = (
            {**nothing, **{name: whole[name] for name in names}} for whole in _completions(person, names)
        )
        points.append({_points(each) for each in alone})
    return {_need_of(total) for total in sums([sorted(each) for each in points])}


def wanted(person: Person) -> set[str]:
    """Which unanswered fields does the identifier wait for?

    An item of sexual offending counts only where a gate answer is yes or missing; a predictor counts below high risk,
    or while it leaves the trump open; OSP is not asked of women, and RSR only where OSP does not apply.
    """

    def blank(*names: str) -> set[str]:
        return {name for name in names if person.get(name) is None}

    found = blank("sex", "setting")
    gates = person.get("q1_30"), person.get("q6_11")
    if True not in gates:
        found |= blank("q1_30", "q6_11")
    for domain, items in ITEMS.items():
        if domain != "sex" or gates != (False, False):
            found |= blank(*items)
    woman = person.get("sex") == "FEMALE"
    # What is not recorded counts as low.
    recorded = _risk(
        {
            "ogrs_2yr": person.get("ogrs_2yr") or 0,
            "ovp_2yr": person.get("ovp_2yr") or 0,
            "rsr": person.get("rsr") or 0,
            "osp_dc": person.get("osp_dc") or "LOW",
            "osp_iic": person.get("osp_iic") or "LOW",
            "sex": "FEMALE" if woman else "MALE",
            "sara_partner": person.get("sara_partner"),
            "sara_other": person.get("sara_other"),
        }
    )
    if recorded != "HIGH":
        found |= blank("ogrs_2yr", "ovp_2yr")
        found |= set() if woman else blank("osp_dc", "osp_iic")
        if woman or (person.get("osp_dc"), person.get("osp_iic")) == ("NOT_APPLICABLE", "NOT_APPLICABLE"):
            found |= blank("rsr")
    trumps = {
        _very_high(whole)
        for whole in _completions({**dict.fromkeys(_RISK_FIELDS), **person}, ("ogrs_2yr", "ovp_2yr"))
    }
    return found | (blank("ogrs_2yr", "ovp_2yr") if len(trumps) > 1 else set())
