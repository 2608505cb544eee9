"""What does the report say, in sentences that a reviewer can decide on?

Sentences are made by rule from settled comparisons, with numbers in plain counts. "No evidence of
a gap", "a gap may be there" and "evidence of no gap" are different sentences.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fairness.compare import Comparison, GapReading, GroupStatus
from fairness.register import Register


@dataclass(frozen=True, slots=True)
class GapFinding:
    """One sentence, the disparity it is about, and whether it blocks the release."""

    id: str
    sentence: str
    blocking: bool

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {"id": self.id, "sentence": self.sentence, "blocking": self.blocking}


def in_100(rate: float | None) -> str:
    """A rate as a plain count: 0.314 is "31 in 100", 0.004 is "4 in 1,000"."""
    if rate is None:
        return "not defined"
    if rate >= 0.995 or round(rate * 100) >= 3 or rate == 0:
        return f"{round(rate * 100)} in 100"
    return f"{round(rate * 1000)} in 1,000"


def counted(number: float) -> str:
    """A count with thousands separated."""
    return f"{round(number):,}"


def times(ratio: float) -> str:
    """A ratio as reviewers read it: two decimals."""
    return f"{ratio:.2f}"


def sentence(each: Comparison) -> str:
    """One settled comparison, said in full."""
    unit = each.measure.unit
    if each.status is GroupStatus.SUPPRESSED:
        return f"{each.group}: too few {unit} to publish."
    assert each.count is not None
    assert each.people is not None
    facts = (
        f"{each.group}: {counted(each.count)} of {counted(each.people)} {each.measure.among} "
        f"{each.measure.event} ({in_100(each.rate)})"
    )
    if each.status is not GroupStatus.COMPARED:
        return f"{facts}."
    assert each.reference_count is not None
    assert each.reference_people is not None
    against = (
        f"{each.reference}: {counted(each.reference_count)} of {counted(each.reference_people)} "
        f"({in_100(each.reference_count / each.reference_people)})"
    )
    return f"{facts}; {against}. {comparison_words(each)}"


def comparison_words(each: Comparison) -> str:
    """The comparison alone: how large, how sure, and what can be concluded."""
    ratio, lower, upper, _ = each.judged
    if ratio is None:
        return "No relative rate can be given: nobody in the comparison group had this happen."
    alike = f"Among people alike in {_conditions(each)}" if each.measure.alike else "Overall"
    reach = f"{times(lower)} to {times(upper)}" if lower is not None and upper is not None else "not defined"
    size = f"{alike}, the rate is {times(ratio)} times that of {each.reference} (95% interval {reach})."
    return f"{size} {conclusion(each)}"


def _conditions(each: Comparison) -> str:
    """What people are alike in, in words: need, risk, sentence type and region, or what the measure names."""
    words = [
        name.removesuffix("_band").removeprefix("alike ").replace("_", " ")
        for name in each.measure.conditions
    ]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def conclusion(each: Comparison) -> str:
    """Which of the five readings holds."""
    if each.reading is GapReading.GAP:
        affected = each.people_affected or 0
        more = "more" if affected > 0 else "fewer"
        return f"That is a gap to explain or reform: {counted(abs(affected))} {more} than at the same rate."
    if each.reading is GapReading.SMALL:
        return "There is a difference, but it is small or may be within the four-fifths band."
    if each.reading is GapReading.ALIKE:
        return "This is evidence of no gap larger than the four-fifths band."
    if each.reading is GapReading.UNSURE:
        return "A gap may be there: the numbers are too small to tell."
    gap = each.minimum_detectable_gap
    if gap is None:
        return "No evidence of a gap; with so few, none could have been seen."
    return f"No evidence of a gap; one smaller than {round(gap * 100, 1):g} in 100 could not have been seen."


def findings(
    comparisons: Iterable[Comparison], *, register: Register, blocking: Sequence[str]
) -> tuple[GapFinding, ...]:
    """Every gap as a finding, those that block first, then by how many people it touches."""
    gaps = [each for each in comparisons if each.reading is GapReading.GAP]
    gaps.sort(key=lambda each: (each.id not in blocking, -abs(each.people_affected or 0), each.id))
    made = []
    for each in gaps:
        entry = register.disparities.get(each.id)
        known = f" In the register as {entry.status.replace('_', ' ')} ({entry.owner})." if entry else ""
        made.append(
            GapFinding(each.id, f"{each.measure.title}. {sentence(each)}{known}", each.id in blocking)
        )
    return tuple(made)
