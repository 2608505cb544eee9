"""`signpost flags`: the in-flight risk of every open referral."""

from datetime import date
from pathlib import Path

import click

from signpost.options import FILE, as_of_option, bundle_option, histories_option, writable_parent
from signpost.progress import progress


@click.command(
    epilog="Example: signpost flags --histories runs/a --bundle bundles/a --as-of 2025-11-30 --out flags.parquet"
)
@histories_option
@bundle_option
@as_of_option
@click.option("--out", type=FILE, required=True, help="Parquet file to write.")
def flags(*, histories: Path, bundle_folder: Path, as_of: date, out: Path) -> None:
    """Say, for every open referral, how likely it is to end without completion in 4, 8 and 12 weeks."""
    from features.histories import Histories
    from scoring.bundle import Bundle
    from scoring.inflight.from_histories import flag_all

    opened, bundle = Histories.open(histories), Bundle.open(bundle_folder)
    with progress("Judging open referrals") as report:
        rows = flag_all(opened, bundle=bundle, as_of=as_of, progress=report)
    rows.write_parquet(writable_parent(out))
    click.echo(f"{rows.height:,} open referrals, {rows['flagged'].sum():,} flagged, are in {out}")
