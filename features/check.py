"""Case histories held against the data contract, row by row and across tables.

Every table is streamed: what is kept in memory is the rows that break a rule, the
keys of parents, and one number a row to find repeated keys. Bad rows move to
`quarantine/` with the reason; nothing is dropped, and nothing else is touched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from catalogue.errors import UsageError
from features.contract import TABLES, Table
from features.outcomes import ENDED
from features.reading import convert, files_of, scan_raw
from features.rules import READ, Rule, read, row_rules

ROW: Final = "quarantine_row"
REASON: Final = "quarantine_reason"
SHOWN_ROWS: Final = 5
_BATCH = 1_000_000
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
    """What a check found: every broken rule, and where the rows went."""

    folder: Path
    tables: tuple[TableCount, ...]
    violations: tuple[Violation, ...]
    quarantined: bool

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
            return "\n".join([*lines, "No rule is broken."])
        lines.append("")
        for found in self.violations:
            shown = ", ".join(map(str, found.rows)) + (", …" if found.count > len(found.rows) else "")
            lines.append(
                f"{found.table}.{found.column} {found.rule}: {found.count:,} row{'s' * (found.count != 1)} ({shown})"
            )
        lines.append("")
        verb = "went to quarantine/" if self.quarantined else "break a rule and were left in place"
        lines += [
            f"{count.table}: {count.bad:,} of {count.rows:,} rows {verb}"
            for count in self.tables
            if count.bad
        ]
        return "\n".join(lines)


def check(
    folder: Path | str, *, quarantine: bool = True, progress: Callable[[int, int], None] | None = None
) -> CheckReport:
    """Hold every table of a folder against the contract, and move the rows that break a rule.

    Bad rows go to `quarantine/<table>.parquet` as they were, with `quarantine_row`
    (their number) and `quarantine_reason`; with `quarantine=False` everything is left
    in place. `progress` is told how many tables are done, of how many.

    Raises UsageError for a folder that cannot be used at all: missing, without a
    required table or column, with a file that cannot be read.
    """
    place = Path(folder)
    files = _files(place)
    checked: list[_Checked] = []
    parents = _Parents(place, files)
    present = [name for name in _ORDER if files[name]]
    for done, name in enumerate(present, start=1):
        try:
            checked.append(_check_table(TABLES[name], files[name], parents))
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UsageError(
                f"The file {files[name][0].name} cannot be read to its end; write it again."
            ) from error
        if progress is not None:
            progress(done, len(present))
    if quarantine:
        for found in checked:
            if found.bad.height:
                _move(place, found)
    checked.sort(key=lambda found: list(TABLES).index(found.table.name))
    return CheckReport(
        folder=place,
        tables=tuple(TableCount(table=f.table.name, rows=f.rows, bad=f.bad.height) for f in checked),
        violations=tuple(violation for found in checked for violation in found.violations),
        quarantined=quarantine,
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
    """A table that was checked: its raw rows, and the numbers and reasons of the bad ones."""

    table: Table
    paths: tuple[Path, ...]
    rows: int
    bad: pl.DataFrame
    violations: tuple[Violation, ...]


class _Parents:
    """The rows that others belong to, as they are in the folder, those in quarantine included."""

    def __init__(self, place: Path, files: dict[str, tuple[Path, ...]]) -> None:
        self._place = place
        self._files = files

    def frame(self, name: str, columns: Iterable[str]) -> pl.DataFrame:
        """The named columns of the parent table, read by the contract, distinct."""
        table = TABLES[name]
        wanted = list(columns)
        frames = [_read(scan_raw(self._files[name], table), table, wanted)]
        kept = _quarantine_path(self._place, table)
        if kept.is_file():
            frames.append(_read(pl.scan_parquet(kept), table, wanted))
        return pl.concat(frames).unique().collect(engine="streaming")


def _read(raw: pl.LazyFrame, table: Table, columns: list[str]) -> pl.LazyFrame:
    schema = raw.collect_schema()
    return raw.select(convert(table.column(name), schema[name], table=table.name) for name in columns)


def _check_table(table: Table, paths: tuple[Path, ...], parents: _Parents) -> _Checked:
    raw = scan_raw(paths, table)
    schema = raw.collect_schema()
    both = raw.with_columns(
        convert(column, schema[column.name], table=table.name).alias(f"{READ}{column.name}")
        for column in table.columns
    ).with_row_index(ROW, offset=1)
    rules = row_rules(table, dict(schema))
    widened, across = _cross_rules(table, both, parents)
    rules += across
    flags = {f"rule{number}": rule.broken for number, rule in enumerate(rules)}
    counts = widened.select(
        pl.len().alias("rows"), *(flag.sum().alias(name) for name, flag in flags.items())
    ).collect(engine="streaming")
    rows = int(counts["rows"].item())
    broken = [name for name in flags if counts[name].item()]
    found = _rows_that_break(widened, {name: flags[name] for name in broken})
    says = {name: rules[int(name.removeprefix("rule"))] for name in broken}
    repeated = _repeated_keys(table, both, found) if table.declared else found.clear()
    if repeated.height:
        rule = Rule(", ".join(table.key), _repeats(table), pl.lit(value=True))
        says["repeated"] = rule
        found = found.join(
            repeated.with_columns(repeated=True), on=ROW, how="full", coalesce=True
        ).with_columns(pl.all().exclude(ROW).fill_null(value=False))
    found = found.sort(ROW)
    return _Checked(
        table=table,
        paths=paths,
        rows=rows,
        bad=_reasons(found, says),
        violations=_violations(table, found, says),
    )


def _repeats(table: Table) -> str:
    return "repeats the key of another row" + (" known on the same day" if table.dated else "")


def _rows_that_break(frame: pl.LazyFrame, flags: dict[str, pl.Expr]) -> pl.DataFrame:
    """The number of each row that breaks a rule, and which rules it breaks."""
    if not flags:
        return pl.DataFrame(schema={ROW: pl.get_index_type()})
    marked = frame.select(ROW, **flags)
    return marked.filter(pl.any_horizontal(*flags)).collect(engine="streaming")


def _reasons(found: pl.DataFrame, says: dict[str, Rule]) -> pl.DataFrame:
    if not says:
        return pl.DataFrame(schema={ROW: pl.get_index_type(), REASON: pl.String})
    texts = [pl.when(pl.col(name)).then(pl.lit(f"{rule.column} {rule.says}")) for name, rule in says.items()]
    return found.select(ROW, pl.concat_str(texts, separator="; ", ignore_nulls=True).alias(REASON))


def _violations(table: Table, found: pl.DataFrame, says: dict[str, Rule]) -> tuple[Violation, ...]:
    made = []
    for name, rule in says.items():
        rows = found.filter(pl.col(name))[ROW]
        made.append(
            Violation(
                table=table.name,
                column=rule.column,
                rule=rule.says,
                count=rows.len(),
                rows=tuple(rows.head(SHOWN_ROWS).to_list()),
            )
        )
    return tuple(made)


# ---------------------------------------------------------------- across tables


def _cross_rules(table: Table, both: pl.LazyFrame, parents: _Parents) -> tuple[pl.LazyFrame, list[Rule]]:
    """The rules that need another table, and the frame widened by what they look at."""
    rules: list[Rule] = []
    frame = both
    if table.owner is not None:
        owner, key = table.owner
        columns = (key, "referred_on") if owner == "referrals" else (key,)
        known = parents.frame(owner, columns).drop_nulls(key)
        facts = known.group_by(key).agg(pl.col(name).min().alias(f"owner:{name}") for name in columns[1:])
        facts = facts.with_columns(owned=pl.lit(value=True)).rename({key: f"{READ}{key}"})
        frame = frame.join(facts.lazy(), on=f"{READ}{key}", how="left", maintain_order="left")
        orphan = pl.col("owned").is_null() & read(key).is_not_null()
        rules.append(Rule(key, f"is not in the table {owner}", orphan))
        if owner == "referrals" and table.happened is not None:
            early = (read(table.happened) < pl.col("owner:referred_on")).fill_null(value=False)
            rules.append(Rule(table.happened, "is before the day of the referral", early))
    if table.name == "requirements":
        sentence = ["crn", "event_number"]
        sentences = (
            parents.frame("sentences", sentence).drop_nulls().with_columns(sentenced=pl.lit(value=True))
        )
        renamed = sentences.rename({name: f"{READ}{name}" for name in sentence})
        frame = frame.join(
            renamed.lazy(), on=[f"{READ}{name}" for name in sentence], how="left", maintain_order="left"
        )
        lost = pl.col("sentenced").is_null() & read("event_number").is_not_null()
        rules.append(Rule("event_number", "is not in the table sentences", lost))
    if table.name == "referral_events":
        # Nothing leads on from a finished or withdrawn referral (facts/acp-community-status-transitions.csv).
        ended = both.filter(read("status").is_in(ENDED)).select(
            f"{READ}referral_id", ended_on=read("occurred_on")
        )
        first = ended.group_by(f"{READ}referral_id").agg(pl.col("ended_on").min())
        frame = frame.join(first, on=f"{READ}referral_id", how="left", maintain_order="left")
        after = (read("occurred_on") > pl.col("ended_on")).fill_null(value=False)
        rules.append(Rule("status", "follows the end of the referral", after))
    return frame, rules


def _repeated_keys(table: Table, both: pl.LazyFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """The rows that repeat the key and the known day of an earlier row that is not bad already.

    One hash a row finds the candidates in little memory; only those are then
    compared in full.
    """
    names = [f"{READ}{name}" for name in (*table.key, *(("known_on",) if table.dated else ()))]
    repeated = _repeated_hashes(both.select(pl.struct(names).hash(seed=0).alias("key")))
    if not repeated.len():
        return pl.DataFrame(schema={ROW: pl.get_index_type()})
    suspects = both.filter(pl.struct(names).hash(seed=0).is_in(repeated.implode())).select(ROW, *names)
    rows = suspects.drop_nulls(names).collect(engine="streaming").join(bad, on=ROW, how="anti").sort(ROW)
    return rows.filter(~pl.struct(names).is_first_distinct()).select(ROW)


def _repeated_hashes(keys: pl.LazyFrame) -> pl.Series:
    height = int(keys.select(pl.len()).collect(engine="streaming").item())
    hashes = np.empty(height, dtype=np.uint64)
    filled = 0
    for batch in keys.collect_batches(chunk_size=_BATCH, maintain_order=False):
        part = batch["key"].to_numpy()
        hashes[filled : filled + len(part)] = part
        filled += len(part)
    hashes.sort()
    twice = hashes[1:][hashes[1:] == hashes[:-1]]
    return pl.Series(np.unique(twice), dtype=pl.UInt64)


# ---------------------------------------------------------------- quarantine


def _quarantine_path(place: Path, table: Table) -> Path:
    return place / "quarantine" / f"{table.name}.parquet"


def _move(place: Path, found: _Checked) -> None:
    """Write the bad rows to quarantine, then the table without them; rows set aside before stay there.

    In that order: an interruption between the two leaves rows twice, never lost.
    """
    raw = scan_raw(found.paths, found.table).with_row_index(ROW, offset=1)
    bad = raw.join(found.bad.lazy(), on=ROW, how="inner", maintain_order="left").collect(engine="streaming")
    path = _quarantine_path(place, found.table)
    path.parent.mkdir(exist_ok=True)
    if path.is_file():
        bad = pl.concat([pl.read_parquet(path), bad], how="diagonal_relaxed")
    _replace(path, bad.write_parquet)
    good = raw.join(found.bad.lazy(), on=ROW, how="anti", maintain_order="left").drop(ROW)
    first, *rest = found.paths
    if first.suffix == ".csv":
        _replace(first, good.sink_csv)
    else:
        _replace(first, good.sink_parquet)
    for part in rest:
        part.unlink()


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the file, then put it in its place in one step."""
    beside = path.with_name(f".{path.name}.new")
    write(beside)
    os.replace(beside, path)  # noqa: PTH105  the one call that replaces on every system
