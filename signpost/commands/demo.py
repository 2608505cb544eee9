"""`signpost demo`: what `make demo` runs."""

from pathlib import Path

import click

from signpost.options import FOLDER


@click.command(epilog="Example: signpost demo --people 3000 --no-serve")
@click.option("--people", type=click.IntRange(500, 1_000_000), default=20_000, show_default=True)
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option(
    "--serve/--no-serve", "serving", default=True, help="Serve at the end (the default), or stop before."
)
@click.option(
    "--folder", type=FOLDER, default=Path(".demo"), show_default=True, help="Where everything is kept."
)
def demo(*, people: int, port: int, serving: bool, folder: Path) -> None:
    """Make a synthetic world, train and judge models on it, and serve them."""
    from signpost.demo import prepare, serve

    places = prepare(people=people, root=folder / f"{people}-people")
    if serving:
        serve(places, port=port)
    else:
        click.echo(f"Everything is in {places.root}; make demo serves it.")
