"""The rules of the data contract that look at more than one row, or at another table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from features.check_moving import ROW, quarantine_path
from features.contract import TABLES, Table
from features.reading import convert, scan_raw
from features.reasons import ENDED
from features.rules import READ, TableRule, read

_BATCH = 1_000_000
_OWNERS = {table.owner[0]: table.owner[1] for table in TABLES.values() if table.owner is not None}


class Parents:
    """The rows that others belong to, as they are in the folder, those in quarantine included."""

    def __init__(self, place: Path, files: Mapping[str, tuple[Path, ...]]) -> None:
        self._place = place
        self._files = files
        self._read: dict[tuple[str, ...], pl.DataFrame] = {}
        self._sound: dict[str, pl.DataFrame] = {}

    def keep_sound(self, table: Table, sound: pl.LazyFrame, *, bad: bool) -> None:
        """Remember the keys that the sound rows of a parent table hold, if any row of it is bad or in quarantine."""
        key = _OWNERS.get(table.name)
        if key is not None and (bad or quarantine_path(self._place, table).is_file()):
            keys = sound.select(f"{READ}{key}").unique()
            self._sound[table.name] = keys.collect(engine="streaming")

    def left_behind(self, table: Table, frame: pl.LazyFrame) -> tuple[pl.LazyFrame, list[TableRule]]:
        """What to notice: rows whose parent is there in bad rows only; and the frame widened by what tells them."""
        if table.owner is None or table.owner[0] not in self._sound:
            return frame, []
        owner, key = table.owner
        kept = self._sound[owner].lazy().with_columns(parent_is_sound=pl.lit(value=True))
        wider = frame.join(kept, on=f"{READ}{key}", how="left", maintain_order="left")
        alone = pl.col("owned").is_not_null() & pl.col("parent_is_sound").is_null()
        return wider, [TableRule(key, f"is in the table {owner} only in rows that break a rule", alone)]

    def frame(self, name: str, *columns: str) -> pl.DataFrame:
        """The named columns of the parent table, read by the contract, distinct; remembered."""
        key = (name, *columns)
        if key not in self._read:
            self._read[key] = self._frame(name, columns)
        return self._read[key]

    def ends(self) -> pl.DataFrame:
        """The first day on which each referral is recorded as ended; an end before its referral, or known before it happened, is none."""
        table = TABLES["referral_events"]
        if not self._files[table.name]:
            return pl.DataFrame(schema={"referral_id": pl.String, "ended_on": pl.Date})
        columns = ("referral_id", "occurred_on", "known_on", "status")
        events = _read(scan_raw(self._files[table.name], table), table, columns)
        ended = events.filter(pl.col("status").is_in(ENDED), pl.col("known_on") >= pl.col("occurred_on"))
        begun = self.frame("referrals", "referral_id", "referred_on").drop_nulls("referral_id")
        first = begun.lazy().group_by("referral_id").agg(pl.col("referred_on").min())
        sound = ended.join(first, on="referral_id").filter(
            (pl.col("occurred_on") >= pl.col("referred_on")).fill_null(value=True)
        )
        ends = sound.group_by("referral_id").agg(ended_on=pl.col("occurred_on").min())
        return ends.collect(engine="streaming")

    def _frame(self, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
        table = TABLES[name]
        frames = [_read(scan_raw(self._files[name], table), table, columns)]
        kept = quarantine_path(self._place, table)
        if kept.is_file():
            frames.append(_read(pl.scan_parquet(kept), table, columns))
        return pl.concat(frames).unique().collect(engine="streaming")


def _read(raw: pl.LazyFrame, table: Table, columns: tuple[str, ...]) -> pl.LazyFrame:
    schema = raw.collect_schema()
    return raw.select(convert(table.column(name), schema[name], table=table.name) for name in columns)


def cross_rules(table: Table, both: pl.LazyFrame, parents: Parents) -> tuple[pl.LazyFrame, list[TableRule]]:
    """The rules that need another table, and the frame widened by what they look at."""
    rules: list[TableRule] = []
    frame = both
    if table.owner is not None:
        owner, key = table.owner
        columns = (key, "referred_on") if owner == "referrals" else (key,)
        known = parents.frame(owner, *columns).drop_nulls(key)
        facts = known.group_by(key).agg(pl.col(name).min().alias(f"owner:{name}") for name in columns[1:])
        facts = facts.with_columns(owned=pl.lit(value=True)).rename({key: f"{READ}{key}"})
        frame = frame.join(facts.lazy(), on=f"{READ}{key}", how="left", maintain_order="left")
        orphan = pl.col("owned").is_null() & read(key).is_not_null()
        rules.append(TableRule(key, f"is not in the table {owner}", orphan))
        if owner == "referrals" and table.happened is not None:
            early = (read(table.happened) < pl.col("owner:referred_on")).fill_null(value=False)
            rules.append(TableRule(table.happened, "is before the day of the referral", early))
    if table.name == "requirements":
        frame, lost = _sentenced(frame, parents)
        rules.append(lost)
    if table.name == "referral_events":
        # Nothing leads on from a finished or withdrawn referral (`ACP_STATUSES` in docs/sources.md).
        ended = both.filter(read("status").is_in(ENDED)).select(
            f"{READ}referral_id", ended_on=read("occurred_on")
        )
        first = ended.group_by(f"{READ}referral_id").agg(pl.col("ended_on").min())
        frame = frame.join(first, on=f"{READ}referral_id", how="left", maintain_order="left")
        after = (read("occurred_on") > pl.col("ended_on")).fill_null(value=False)
        rules.append(TableRule("status", "follows the end of the referral", after))
    if table.name == "sessions":
        ends = parents.ends().rename({"referral_id": f"{READ}referral_id"})
        frame = frame.join(ends.lazy(), on=f"{READ}referral_id", how="left", maintain_order="left")
        after = (read("scheduled_on") > pl.col("ended_on")).fill_null(value=False)
        rules.append(TableRule("scheduled_on", "is after the end of the referral", after))
    return frame, rules


def _sentenced(frame: pl.LazyFrame, parents: Parents) -> tuple[pl.LazyFrame, TableRule]:
    keys = ("crn", "event_number")
    sentences = parents.frame("sentences", *keys).drop_nulls().with_columns(sentenced=pl.lit(value=True))
    renamed = sentences.rename({name: f"{READ}{name}" for name in keys})
    wider = frame.join(
        renamed.lazy(), on=[f"{READ}{name}" for name in keys], how="left", maintain_order="left"
    )
    lost = pl.col("sentenced").is_null() & read("event_number").is_not_null()
    return wider, TableRule("event_number", "is not in the table sentences", lost)


def repeated_keys(table: Table, both: pl.LazyFrame, sound: pl.LazyFrame) -> pl.DataFrame:
    """The rows that repeat the key and the known day of an earlier row; `sound` leaves out what is bad already.

    One hash a row finds the candidates in little memory; only those are then
    compared in full.
    """
    names = [f"{READ}{name}" for name in (*table.key, *(("known_on",) if table.dated else ()))]
    repeated = _repeated_hashes(both.select(pl.struct(names).hash(seed=0).alias("key")))
    if not repeated.len():
        return pl.DataFrame(schema={ROW: pl.get_index_type()})
    suspects = sound.filter(pl.struct(names).hash(seed=0).is_in(repeated.implode())).select(ROW, *names)
    rows = suspects.drop_nulls(names).collect(engine="streaming").sort(ROW)
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
