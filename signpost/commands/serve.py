"""`signpost serve`: the API and the referral screens."""

from pathlib import Path

import click

from catalogue.errors import UsageError
from signpost.options import FOLDER, bundle_option


@click.command(
    epilog="Example: DEV_AUTH=1 signpost serve --bundle bundles/a --database sqlite:///signpost.db"
)
@bundle_option
@click.option("--database", required=True, help="SQLAlchemy URL of the store.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True)
@click.option("--report", type=FOLDER, help="Folder of the equality report to show.")
def serve(*, bundle_folder: Path, database: str, host: str, port: int, report: Path | None) -> None:
    """Serve explained suggestions. Further settings come from the environment (docs/service.md)."""
    if not bundle_folder.is_dir():
        raise UsageError(f"there is no release bundle {bundle_folder}; make one with `signpost train`")
    from serving.run import serve as serve_until_stopped
    from serving.settings import Settings

    serve_until_stopped(
        Settings.from_environment(
            bundle_folder=bundle_folder, database_url=database, host=host, port=port, report_folder=report
        )
    )
