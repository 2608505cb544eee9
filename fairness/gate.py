"""May this release be served? Three answers: pass, fail with the disparities named, or not enough data.

Fails where a disparity's interval lies entirely outside the band, the gap is of practical size, and
the p-value adjusted over the whole report is under 0.05, unless the register holds a current,
signed explanation for exactly that disparity. Where a required comparison cannot be made, or
nothing happened to anybody (flagging nobody is not fairness), the data are insufficient: a
blocking state of its own, lifted only by name. A flip or leakage test of the release that fails
fails the gate as well, and no entry of the register lets it pass.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from fairness.compare import Comparison, GapReading, GroupStatus
from fairness.evidence import Test
from fairness.measures import Measure
from fairness.register import EMPTY, Register

State = Literal["PASS", "FAIL", "INSUFFICIENT_DATA"]


@dataclass(frozen=True, slots=True)
class Gate:
    """The verdict: its state, what fails it, what is explained, what could not be judged, what was lifted.

    `insufficient` blocks the release; `lifted` would block it without the register. `failed_tests` are
    the tests of the release that do not hold.
    """

    state: State
    disparities: tuple[str, ...]
    explained: tuple[str, ...]
    insufficient: tuple[str, ...]
    lifted: tuple[str, ...] = ()
    failed_tests: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """What blocks the release: failed tests and disparities, or the comparisons that could not be made."""
        if self.state == "FAIL":
            return (*self.failed_tests, *self.disparities)
        return self.insufficient if self.state == "INSUFFICIENT_DATA" else ()

    @property
    def passed(self) -> bool:
        """Whether the release may be served."""
        return self.state == "PASS"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "state": self.state,
            "disparities": list(self.disparities),
            "explained": list(self.explained),
            "insufficient": list(self.insufficient),
            "lifted": list(self.lifted),
            "failed_tests": list(self.failed_tests),
            "named": list(self.named),
        }


def judge(
    comparisons: Iterable[Comparison],
    *,
    as_of: date,
    register: Register = EMPTY,
    totals: Mapping[str, tuple[int, int]] | None = None,
    measures: Sequence[Measure] = (),
    required: Sequence[str] = (),
) -> Gate:
    """The gate over the settled comparisons of a report.

    `totals` gives events and people of each measure over everybody; `measures` those the report was
    to hold; `required` the characteristics that have to be comparable in required measures.
    """
    made = tuple(comparisons)
    gaps = [each.id for each in made if each.measure.gate and each.reading is GapReading.GAP]
    explained = tuple(sorted(name for name in gaps if register.explained(name, as_of)))
    disparities = tuple(sorted(set(gaps) - set(explained)))
    wanting = _insufficient(made, totals or {}, measures, required)
    lifted = tuple(name for name in wanting if register.lifts(name, as_of))
    insufficient = tuple(name for name in wanting if name not in lifted)
    state: State = "FAIL" if disparities else "INSUFFICIENT_DATA" if insufficient else "PASS"
    return Gate(state, disparities, explained, insufficient, lifted)


def with_tests(verdict: Gate, tests: Iterable[Test]) -> Gate:
    """The verdict once the release's own tests are known: one that does not hold fails the gate, by name."""
    failed = tuple(each.name for each in tests if not each.holds)
    return replace(verdict, state="FAIL" if failed else verdict.state, failed_tests=failed)


def _insufficient(
    made: Sequence[Comparison],
    totals: Mapping[str, tuple[int, int]],
    measures: Sequence[Measure],
    required: Sequence[str],
) -> list[str]:
    named = []
    for measure in measures:
        if measure.required == "no":
            continue
        events, people = totals.get(measure.id, (0, 0))
        if events == 0 or people == 0:
            named.append(f"{measure.id}:nobody")
            continue
        for characteristic in required if measure.required == "compared" else ():
            mine = [
                each
                for each in made
                if each.measure.id == measure.id
                and each.characteristic == characteristic
                and each.status is GroupStatus.COMPARED
                and each.judged[0] is not None
            ]
            if not mine:
                named.append(f"{measure.id}:{characteristic}")
    return named
