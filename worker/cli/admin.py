"""`vitec-sync migrate`: make the database's tables, or bring them up to date."""

from typing import Annotated

import typer


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Make the database's tables, or bring them up to date. Does nothing where they are; safe to run at any time."""
    from sqlalchemy.exc import SQLAlchemyError

    import migrations
    from worker import bootstrap
    from worker.cli import terminal

    url = _url(bootstrap.settings().database)
    try:
        before = _revision(url)
        if before is not None and not migrations.is_known(before):
            raise bootstrap.NotReady(
                f"The database's schema ({before}) is newer than this program: update the program."
            )
        migrations.upgrade(url)
    except SQLAlchemyError as error:
        raise bootstrap.NotReady(bootstrap.describe_database_fault(error)) from None
    after = migrations.head()
    if as_json:
        terminal.print_json({"before": before, "after": after})
    elif before == after:
        terminal.print_line(f"The database is up to date (revision {after}).")
    else:
        terminal.print_line(f"The database is now at revision {after}{f', it was at {before}' if before else ''}.")
    if not as_json:
        terminal.print_line(f"{bootstrap.settings().origin}.", "dim")


def _url(url: str) -> str:
    """Give the address back; SQLite's file gets its folder, readable for its owner only: it will hold personal data."""
    from pathlib import Path

    from sqlalchemy import make_url

    from worker.bootstrap import NotReady

    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.touch(mode=0o600, exist_ok=True)
        except OSError as error:
            raise NotReady(f"{file} cannot be made ({error.strerror}): correct DATABASE_URL or STATE_DIR.") from None
    return url


def _revision(url: str) -> str | None:
    import migrations
    from worker.outbox import connect

    engine = connect(url)
    try:
        with engine.connect() as connection:
            return migrations.current(connection)
    finally:
        engine.dispose()
