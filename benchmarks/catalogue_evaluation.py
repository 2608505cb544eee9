"""How long does eligibility take: everyone at once, and one person with every reason?

Budgets: 240,000 people by the whole catalogue in under 60 s and 3 GB on two cores, and one person
with all reasons in under 3 ms. Run with: python benchmarks/catalogue_evaluation.py [people]
"""

import gc
import resource
import statistics
import sys
import time
from datetime import date

import polars as pl

import catalogue
from catalogue.checking import sample
from catalogue.frames import statuses

BUDGET_SECONDS, BUDGET_GIGABYTES, BUDGET_MILLISECONDS = 60.0, 3.0, 3.0
DAY = date(2024, 1, 1)
DISTINCT = 4_000


def everyone(people: int, whole: catalogue.Catalogue) -> tuple[float, float]:
    """Seconds and peak gigabytes for the statuses of ``people`` people."""
    some = sample.frame(sample.people(whole, count=min(people, DISTINCT), seed=1))
    table = pl.concat([some] * -(-people // some.height)).head(people).rechunk()
    table = table.with_columns(as_of=pl.lit(DAY))
    gc.collect()
    began = time.perf_counter()
    found = statuses(table, whole)
    seconds = time.perf_counter() - began
    assert found.shape == (people, len(whole.interventions))
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def one_person(whole: catalogue.Catalogue) -> tuple[float, float]:
    """Median and 95th-percentile milliseconds of processor time for one person with every reason."""
    taken = []
    for person in sample.people(whole, count=400, seed=2):
        began = time.process_time()
        catalogue.evaluate(person, whole, as_of=DAY)
        taken.append(1_000 * (time.process_time() - began))
    return statistics.median(taken), statistics.quantiles(taken, n=20)[-1]


def main() -> int:
    """Measure, print, and fail where a budget is broken."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 240_000
    began = time.perf_counter()
    whole = catalogue.load()
    loading = time.perf_counter() - began
    median, high = one_person(whole)
    seconds, gigabytes = everyone(people, whole)
    print(f"loading the catalogue              {loading:6.2f} s")
    print(
        f"one person, every reason           {median:6.2f} ms median, {high:.2f} ms at 95% (budget {BUDGET_MILLISECONDS} ms)"
    )
    print(
        f"{people:,} people x {len(whole.interventions)} interventions {seconds:6.1f} s (budget {BUDGET_SECONDS} s)"
    )
    print(f"peak memory of the process         {gigabytes:6.2f} GB (budget {BUDGET_GIGABYTES} GB)")
    kept = seconds < BUDGET_SECONDS and gigabytes < BUDGET_GIGABYTES and high < BUDGET_MILLISECONDS
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
