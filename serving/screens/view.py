"""What a page about a person says: the suggestion set as it was shown, put into words and into order.

Pure functions of the document. Nothing here selects an option for anyone, no score is shown bare, and
nothing but our own codes decides a word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from catalogue.fields import FIELDS, SECTIONS
from serving.screens.messages import Sayer
from serving.words import capitalised, day, in_a_hundred, the_others

FAR_MINUTES: Final = 45
LONG_WEEKS: Final = 6
MOST_MISSING: Final = 8
STATUSES: Final = ("ELIGIBLE", "NEARLY", "MISSING_INFORMATION", "NOT_ELIGIBLE")
# Colours are an aid only: every tag says in words what it means.
STATUS_COLOURS: Final = {
    "ELIGIBLE": "govuk-tag--green",
    "NEARLY": "govuk-tag--yellow",
    "MISSING_INFORMATION": "govuk-tag--blue",
    "NOT_ELIGIBLE": "govuk-tag--grey",
}
SUPPORT_COLOURS: Final = {
    "SUPPORTED": "govuk-tag--green",
    "THIN": "govuk-tag--yellow",
    "NONE": "govuk-tag--grey",
}
RULE_COLOURS: Final = {"MET": "govuk-tag--green", "NOT_MET": "govuk-tag--grey", "UNKNOWN": "govuk-tag--blue"}


@dataclass(frozen=True, kw_only=True)
class Tag:
    """A word with a colour."""

    text: str
    classes: str


@dataclass(frozen=True, kw_only=True)
class SourcedSentence:
    """A sentence, and where it comes from (empty: from a rule)."""

    text: str
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """One eligibility rule in words, with its result."""

    text: str
    tag: Tag


@dataclass(frozen=True, kw_only=True)
class Card:
    """Everything that is said about one intervention."""

    id: str
    number: int | None
    name: str
    type: str
    needs: str
    why: tuple[SourcedSentence, ...]
    chances: tuple[str, ...]
    helps: tuple[str, ...]
    support: Tag
    confidence: tuple[str, ...]
    practical: tuple[tuple[str, str], ...]
    not_feasible: tuple[str, ...]
    limits: tuple[str, ...]
    rules: tuple[RuleLine, ...]


@dataclass(frozen=True, kw_only=True)
class OtherLine:
    """An intervention that is not suggested: its result and why."""

    order: int
    id: str
    name: str
    type: str
    tag: Tag
    why: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NeedGroup:
    """The other interventions that work on one need."""

    title: str
    lines: tuple[OtherLine, ...]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """The whole of what is shown about a person's suggestions."""

    set_id: str
    rule_only: bool
    as_of: str
    cards: tuple[Card, ...]
    comparable: tuple[Card, ...]
    groups: tuple[NeedGroup, ...]
    missing: tuple[str, ...]
    versions: str


def panel(document: Mapping[str, Any], say: Sayer) -> Panel:
    """The panel of a suggestion set.

    Args:
        document: as kept (serving.schemas.suggestions.SuggestionSetAnswer).
        say: the language.
    """
    items: Sequence[Mapping[str, Any]] = document["suggestions"]
    ranked = sorted((item for item in items if item["rank"] is not None), key=lambda item: int(item["rank"]))
    suggested = ranked[:3]
    comparable = [item for item in items if item["advice"] == "COMPARABLE" and item not in suggested]
    above = {item["interventionId"] for item in (*suggested, *comparable)}
    others = [item for item in items if item["interventionId"] not in above]
    return Panel(
        set_id=document["id"],
        rule_only=document["ruleOnly"],
        as_of=day(document["asOf"]) or "",
        cards=tuple(_card(item, document, say, number) for number, item in enumerate(suggested, start=1)),
        comparable=tuple(_card(item, document, say, None) for item in comparable),
        groups=_groups(others, say),
        missing=_missing(items),
        versions=say(
            "person.versions_words",
            bundle=document["bundleVersion"],
            catalogue=document["catalogueHash"][:12],
            id=document["id"],
        ),
    )


def _needs(item: Mapping[str, Any], say: Sayer) -> str:
    if not item["needs"]:
        return say("card.no_need")
    return say("card.need", needs=_and(SECTIONS[need][0] for need in item["needs"]))


def _and(words: Any) -> str:
    found = list(words)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"


def _card(item: Mapping[str, Any], document: Mapping[str, Any], say: Sayer, number: int | None) -> Card:
    feasibility = item["feasibility"] or {}
    return Card(
        id=item["interventionId"],
        number=number,
        name=item["name"],
        type=say.or_plain("type", item["type"]),
        needs=_needs(item, say),
        why=tuple(_why(sentence, say) for sentence in item["explanation"][:4]),
        chances=_chances(item, say),
        helps=_helps(item, feasibility, say),
        support=_support(item, say),
        confidence=_confidence(item, say),
        practical=_practical(feasibility, say),
        not_feasible=_not_feasible(feasibility),
        limits=_limits(item, document, say),
        rules=tuple(
            RuleLine(
                text=reason["text"],
                tag=Tag(text=say(f"rule.{reason['outcome']}"), classes=RULE_COLOURS[reason["outcome"]]),
            )
            for reason in item["reasons"]
        ),
    )


def _why(sentence: Mapping[str, Any], say: Sayer) -> SourcedSentence:
    if sentence["table"] is None:
        return SourcedSentence(text=sentence["text"])
    record = say.or_plain("record", sentence["table"])
    on = day(sentence["on"])
    source = (
        say("card.source", record=record, date=on)
        if on is not None
        else say("card.source_undated", record=record)
    )
    return SourcedSentence(text=sentence["text"], source=source)


def _chances(item: Mapping[str, Any], say: Sayer) -> tuple[str, ...]:
    lines = []
    for name, key in (("pCommence", "card.commence"), ("pComplete", "card.complete")):
        found = item[name]
        if found is None:
            continue
        text = say(key, words=capitalised(in_a_hundred(found["lower"], found["upper"])))
        lines.append(f"{text} {say('card.barely')}" if found["barelyPredictable"] else text)
    return tuple(lines) or (say("card.no_chances"),)


def _helps(item: Mapping[str, Any], feasibility: Mapping[str, Any], say: Sayer) -> tuple[str, ...]:
    """What could make starting and finishing easier: travel, waiting, format, timing, contact."""
    lines = []
    minutes, weeks = feasibility.get("minutes"), feasibility.get("waitingWeeks")
    if minutes is not None and minutes >= FAR_MINUTES:
        lines.append(say("help.travel", minutes=round(minutes)))
    if weeks is not None and weeks >= LONG_WEEKS:
        lines.append(say("help.wait", weeks=round(weeks)))
    if feasibility.get("format") == "GROUP" and item["type"] != "ACP":
        lines.append(say("help.one_to_one"))
    lines.extend((say("help.timing"), say("help.first")))
    return tuple(lines)


def _support(item: Mapping[str, Any], say: Sayer) -> Tag:
    if item["support"] is None:
        return Tag(text=say("support.NOT_ESTIMATED"), classes="govuk-tag--grey")
    return Tag(text=say(f"support.{item['support']}"), classes=SUPPORT_COLOURS[item["support"]])


def effect_in_words(lower: float, upper: float, say: Sayer) -> str:
    """How many of a hundred more, or fewer, make progress, from one bound to the other?"""
    low, high = round(lower * 100), round(upper * 100)
    if low > 0:
        return say("card.effect_better", low=low, high=high)
    if high < 0:
        return say("card.effect_worse", low=-high, high=-low)
    if low == high == 0:
        return say("card.effect_level")
    if low == 0:
        return say("card.effect_up_to_more", high=high)
    if high == 0:
        return say("card.effect_up_to_fewer", low=-low)
    return say("card.effect_either", low=-low, high=high)


def _confidence(item: Mapping[str, Any], say: Sayer) -> tuple[str, ...]:
    effect = item["effect"]
    if item["support"] is None or effect is None:
        lines = [say("card.effect_none")]
    else:
        lines = [say(f"support_words.{item['support']}")]
        lines.append(effect_in_words(effect["lower"], effect["upper"], say))
    similar = item["similar"]
    if similar is not None:
        lines.append(
            say(
                "card.similar",
                people=similar["people"],
                rate=in_a_hundred(similar["lower"], similar["upper"]),
            )
        )
    return tuple(lines)


def _practical(feasibility: Mapping[str, Any], say: Sayer) -> tuple[tuple[str, str], ...]:
    unknown = say("card.unknown")
    minutes, weeks = feasibility.get("minutes"), feasibility.get("waitingWeeks")
    return (
        (say("card.venue"), feasibility.get("venue") or unknown),
        (
            say("card.minutes"),
            unknown if minutes is None else say("card.minutes_value", minutes=round(minutes)),
        ),
        (say("card.start"), day(feasibility.get("nextStartOn")) or unknown),
        (say("card.wait"), unknown if weeks is None else say("card.wait_value", weeks=round(weeks))),
        (say("card.format"), say.or_plain("format", feasibility.get("format"), unknown=unknown)),
    )


def _not_feasible(feasibility: Mapping[str, Any]) -> tuple[str, ...]:
    """Why it cannot be had here and now, when that is so."""
    if feasibility.get("feasible") is not False:
        return ()
    return _deciding(feasibility["reasons"], "NOT_MET")


def _deciding(reasons: Sequence[Mapping[str, Any]], outcome: str) -> tuple[str, ...]:
    """The sentences of the rules that came out so; advice and questions settle nothing, so they give no reason."""
    return tuple(
        reason["text"] for reason in reasons if reason["kind"] == "RULE" and reason["outcome"] == outcome
    )


def _limits(item: Mapping[str, Any], document: Mapping[str, Any], say: Sayer) -> tuple[str, ...]:
    lines = [say("card.limit_individual"), say("card.limit_records", date=day(document["asOf"]))]
    complete = item["pComplete"]
    if complete is not None:
        lines.append(say("card.limit_wrong", words=the_others(complete["lower"], complete["upper"])))
    if item["effect"] is not None:
        lines.append(say("card.limit_effect"))
    return tuple(lines)


def _groups(items: Sequence[Mapping[str, Any]], say: Sayer) -> tuple[NeedGroup, ...]:
    """The rest by the assessed need that each meets first; what meets none, by its result."""
    groups: dict[tuple[int, str], list[OtherLine]] = {}
    for item in items:
        if item["needs"]:
            place = (0, capitalised(SECTIONS[item["needs"][0]][0]))
        else:
            place = (1 + STATUSES.index(item["eligibility"]), say(f"rest.{item['eligibility']}"))
        groups.setdefault(place, []).append(_other(item, say))
    return tuple(
        NeedGroup(
            title=say("person.rest_count_one", need=place[1])
            if len(groups[place]) == 1
            else say("person.rest_count", need=place[1], count=len(groups[place])),
            lines=tuple(sorted(groups[place], key=lambda line: (line.order, line.name))),
        )
        for place in sorted(groups)
    )


def not_met(document: Mapping[str, Any], say: Sayer) -> tuple[OtherLine, ...]:
    """The interventions that are not eligible as the records stand, by name, each with its rules that are not met."""
    others = (item for item in document["suggestions"] if item["eligibility"] != "ELIGIBLE")
    return tuple(sorted((_other(item, say) for item in others), key=lambda line: line.name))


def _other(item: Mapping[str, Any], say: Sayer) -> OtherLine:
    status = item["eligibility"]
    if status == "ELIGIBLE":
        tag = Tag(text=say(f"advice.{item['advice']}"), classes="govuk-tag--grey")
        why = [sentence["text"] for sentence in item["explanation"]]
        why.extend(_not_feasible(item["feasibility"] or {}))
    else:
        tag = Tag(text=say(f"status.{status}"), classes=STATUS_COLOURS[status])
        wanted = "UNKNOWN" if status == "MISSING_INFORMATION" else "NOT_MET"
        why = list(_deciding(item["reasons"], wanted))
        if item["nearly"]:
            why.append(item["nearly"])
    return OtherLine(
        order=STATUSES.index(status),
        id=item["interventionId"],
        name=item["name"],
        type=say.or_plain("type", item["type"]),
        tag=tag,
        why=tuple(dict.fromkeys(why)),
    )


def _missing(items: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The fields whose answers would settle the most interventions, in words."""
    count: dict[str, int] = {}
    for item in items:
        for name in item["missing"]:
            count[name] = count.get(name, 0) + 1
    ordered = sorted(count, key=lambda name: (-count[name], name))
    shown = [name for name in ordered if name in FIELDS and FIELDS[name].characteristic is None]
    return tuple(capitalised(FIELDS[name].label) for name in shown[:MOST_MISSING])


def decision_line(decision: Mapping[str, Any], names: Mapping[str, str], say: Sayer) -> dict[str, str]:
    """A recorded decision in words: what, why, by whom and when."""
    name = names.get(decision["interventionId"] or "", decision["interventionId"] or "")
    what = {
        "ACCEPTED": say("decide.accepted", name=name),
        "DEPARTED": say("decide.departed", name=name),
        "NONE_CHOSEN": say("decide.none_chosen"),
    }[decision["action"]]
    return {
        "what": what,
        "reason": say("decide.reason_line", reason=decision["reason"]),
        "own_words": decision["ownWords"] or "",
        "own_view": say("decide.own_view_line", words=decision["ownView"]) if decision["ownView"] else "",
        "by": say("decide.by", user=decision["decidedBy"], date=day(decision["decidedAt"])),
    }
