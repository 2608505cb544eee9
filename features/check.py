"""Do case histories meet the data contract, row by row and across tables?

Every table is streamed, to check it and to move its bad rows: memory holds only the
keys of parents, one number a row where keys may repeat, and five row numbers a rule. Bad rows
move to `quarantine/` with the reason; nothing is dropped, and nothing else is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from catalogue.errors import UsageError
from features.check_across import Parents, cross_rules, repeated_keys
from features.check_moving import REASON, ROW, Bad, move, quarantine_path
from features.check_notices import notices_of
from features.contract import TABLES, Table
from features.reading import convert, files_of, scan_raw, spoilt_line
from features.rules import READ, TableRule, row_rules

__all__ = ["REASON", "ROW", "CheckReport", "TableCount", "Violation", "check"]

SHOWN_ROWS: Final = 5
_BATCH: Final = 500_000
# Parents first: a row is an orphan when its parent is in no table and not in quarantine either.
_ORDER: Final = (
    "people",
    "sentences",
    "referrals",
    *(n for n in TABLES if n not in {"people", "sentences", "referrals"}),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One broken rule of one column: how many rows break it, and up to five of their numbers (from 1)."""

    table: str
    column: str
    rule: str
    count: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableCount:
    """How many rows a table had, and how many of them broke a rule."""

    table: str
    rows: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check found: every broken rule, where the rows went, and what is odd but no fault of a row."""

    folder: Path
    tables: tuple[TableCount, ...]
    violations: tuple[Violation, ...]
    quarantined: bool
    notices: tuple[Violation, ...] = ()

    @property
    def clean(self) -> bool:
        """Whether no row broke a rule."""
        return not self.violations

    @property
    def rows(self) -> int:
        """How many rows were checked."""
        return sum(count.rows for count in self.tables)

    @property
    def bad_rows(self) -> int:
        """How many rows broke a rule."""
        return sum(count.bad for count in self.tables)

    def render(self) -> str:
        """The report as plain text; it names places, never values."""
        lines = [
            f"{self.rows:,} rows of {len(self.tables)} tables in {self.folder} were held against the contract."
        ]
        if self.clean:
            lines.append("No rule is broken.")
        else:
            lines += ["", *(_line(found) for found in self.violations), ""]
            verb = "went to quarantine/" if self.quarantined else "break a rule and were left in place"
            lines += [
                f"{count.table}: {count.bad:,} of {count.rows:,} rows {verb}"
                for count in self.tables
                if count.bad
            ]
        if self.notices:
            lines += ["", "No fault of a row, and left in place, but worth a look:"]
            lines += [_line(found) for found in self.notices]
        return "\n".join(lines)


def _line(found: Violation) -> str:
    shown = ", ".join(map(str, found.rows)) + (", …" if found.count > len(found.rows) else "")
    return (
        f"{found.table}.{found.column} {found.rule}: {found.count:,} row{'s' * (found.count != 1)} ({shown})"
    )


def check(
    folder: Path | str, *, quarantine: bool = True, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Hold every table of a folder against the contract, and move the rows that break a rule.

    Bad rows go to `quarantine/<table>.parquet` as they were, with `quarantine_row`
    (their number) and `quarantine_reason`; with `quarantine=False` everything is left
    in place. `progress` is told how many tables are done, of how many. Rows are moved
    once every table has been read, so a folder that cannot be used is not touched.

    Raises UsageError for a folder that cannot be used at all: missing, without a
    required table or column, with a file that cannot be read.
    """
    place = Path(folder)
    files = _files(place)
    checked: list[_Checked] = []
    parents = Parents(place, files)
    present = [name for name in _ORDER if files[name]]
    for done, name in enumerate(present, start=1):
        try:
            checked.append(_check_table(TABLES[name], files[name], parents))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UsageError(_unreadable(files[name][0])) from error
        if progress is not None:
            progress(done, len(present))
    if quarantine:
        for found in checked:
            if found.bad is not None:
                move(
                    quarantine_path(place, found.table),
                    found.paths,
                    found.bad,
                    rows=found.rows,
                    bad_rows=found.bad_rows,
                )
    checked.sort(key=lambda found: list(TABLES).index(found.table.name))
    return CheckReport(
        folder=place,
        tables=tuple(TableCount(table=f.table.name, rows=f.rows, bad=f.bad_rows) for f in checked),
        violations=tuple(violation for found in checked for violation in found.violations),
        quarantined=quarantine,
        notices=tuple(notice for found in checked for notice in found.notices),
    )


def _unreadable(path: Path) -> str:
    line = spoilt_line(path) if path.suffix == ".csv" and path.is_file() else None
    if line is None:
        return f"The file {path.name} cannot be read to its end; write it again."
    return (
        f"Line {line:,} of the file {path.name} has more fields than the header, or a stray quote; mend or remove it, "
        "or put the field that holds a comma or a quote into quotes, each quote inside doubled."
    )


def _files(place: Path) -> dict[str, tuple[Path, ...]]:
    if not place.is_dir():
        raise UsageError(f"There is no folder {place}; name the folder that holds the case histories.")
    files = {name: files_of(place, table) for name, table in TABLES.items()}
    if not any(files.values()):
        raise UsageError(f"The folder {place} holds none of the contract's tables; name another folder.")
    for name, table in TABLES.items():
        if not files[name] and not table.optional:
            raise UsageError(
                f"The folder {place} has no table {name}; add {name}.parquet or {name}.csv, with no rows if empty."
            )
    return files


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """A table that was checked: how many rows, how many bad, and how to tell which."""

    table: Table
    paths: tuple[Path, ...]
    rows: int
    bad_rows: int
    bad: Bad | None
    violations: tuple[Violation, ...]
    notices: tuple[Violation, ...]


def _check_table(table: Table, paths: tuple[Path, ...], parents: Parents) -> _Checked:
    raw = scan_raw(paths, table)
    schema = raw.collect_schema()
    both = raw.with_columns(
        convert(column, schema[column.name], table=table.name).alias(f"{READ}{column.name}")
        for column in table.columns
    ).with_row_index(ROW, offset=1)
    widened, across = cross_rules(table, both, parents)
    rules = [*row_rules(table, dict(schema)), *across]
    widened, left = parents.left_behind(table, widened)
    noticed = [*notices_of(table), *left]
    flags = {f"rule{number}": rule.broken for number, rule in enumerate([*rules, *noticed])}
    counts = widened.select(
        pl.len().alias("rows"),
        *(flag.sum().alias(name) for name, flag in flags.items()),
        # Every field of a CSV is parsed, so that a line that cannot be read is met before any row moves.
        *(pl.col(name).null_count().alias(f"csv:{name}") for name in schema if paths[0].suffix == ".csv"),
    ).collect(engine="streaming")
    rows = int(counts["rows"].item())
    found = {name: int(counts[name].item()) for name in flags}
    broken = {f"rule{n}": rule for n, rule in enumerate(rules) if found[f"rule{n}"]}
    odd = {f"rule{n}": rule for n, rule in enumerate(noticed, start=len(rules)) if found[f"rule{n}"]}
    fails = pl.any_horizontal(rule.broken for rule in broken.values()) if broken else pl.lit(value=False)
    if table.declared:
        repeated = repeated_keys(table, both, widened.filter(~fails))
        if repeated.height:
            says = "repeats the key of another row" + (" known on the same day" if table.dated else "")
            mark = repeated.lazy().with_columns(repeated=pl.lit(value=True))
            widened = widened.join(mark, on=ROW, how="left", maintain_order="left")
            again = pl.col("repeated").fill_null(value=False)
            broken["repeated"] = TableRule(", ".join(table.key), says, again)
            found["repeated"] = repeated.height
            fails = fails | again
    parents.keep_sound(table, widened.filter(~fails), bad=bool(broken))
    bad_rows, shown = _rows_that_break(widened, broken | odd, fails)
    return _Checked(
        table=table,
        paths=paths,
        rows=rows,
        bad_rows=bad_rows,
        bad=Bad(frame=widened, columns=tuple(schema.names()), fails=fails, rules=tuple(broken.values()))
        if broken
        else None,
        violations=_violations(table, broken, found, shown),
        notices=_violations(table, odd, found, shown),
    )


def _rows_that_break(
    frame: pl.LazyFrame, rules: dict[str, TableRule], fails: pl.Expr
) -> tuple[int, dict[str, tuple[int, ...]]]:
    """How many rows are bad, and of each rule the numbers of the first rows that break it; a batch at a time."""
    shown: dict[str, tuple[int, ...]] = dict.fromkeys(rules, ())
    if not rules:
        return 0, shown
    marked = frame.select(ROW, fails=fails, **{name: rule.broken for name, rule in rules.items()})
    bad = 0
    for batch in marked.filter(pl.any_horizontal("fails", *rules)).collect_batches(chunk_size=_BATCH):
        bad += int(batch["fails"].sum())
        for name in rules:
            these = batch.filter(pl.col(name))[ROW].bottom_k(SHOWN_ROWS).to_list()
            shown[name] = tuple(sorted([*shown[name], *these])[:SHOWN_ROWS])
    return bad, shown


def _violations(
    table: Table, rules: dict[str, TableRule], found: dict[str, int], shown: dict[str, tuple[int, ...]]
) -> tuple[Violation, ...]:
    return tuple(
        Violation(table=table.name, column=rule.column, rule=rule.says, count=found[name], rows=shown[name])
        for name, rule in rules.items()
    )
