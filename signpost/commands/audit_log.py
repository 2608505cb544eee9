"""`signpost audit-log`: has anybody changed the service's audit log?"""

import click


@click.group("audit-log")
def audit_log() -> None:
    """The service's audit log."""


@audit_log.command(epilog="Example: signpost audit-log verify --database sqlite:///signpost.db")
@click.option("--database", required=True, help="SQLAlchemy URL of the store.")
def verify(*, database: str) -> int:
    """Recompute the chain of hashes; status 1 and the first broken entry if it does not hold."""
    from serving.audit_log import verify as verify_chain

    result = verify_chain(database_url=database)
    click.echo(result.sentence)
    return 0 if result.intact else 1
