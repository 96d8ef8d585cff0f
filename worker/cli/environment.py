"""`vitec-sync environment`: the Vitec to which this database belongs, and where its settings come from."""

from typing import Annotated

import typer

from worker import bootstrap
from worker.address import check_address, is_same_address, normalize_address
from worker.cli import terminal
from worker.outbox.lanes import environments


def environment(
    rebind: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Let the database belong to this address, while nothing has been sent."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show to which Vitec this database belongs, since when, and where the settings come from."""
    db = bootstrap.database()
    if rebind is not None:
        _rebind(rebind)
    binding, configured = environments.read_binding(db), bootstrap.settings().vitec_base_url
    differs = bool(binding and configured and not is_same_address(binding.base_url, configured))
    if as_json:
        terminal.print_json(
            {
                "base_url": binding.base_url if binding else None,
                "bound_at": binding.bound_at if binding else None,
                "may_have_sent": bool(binding and binding.may_have_sent),
                "configured": configured,
                "differs": differs,
                "origin": bootstrap.settings().origin,
            }
        )
    else:
        terminal.print_pairs(_describe(binding, configured))
    if differs:
        terminal.print_error(
            "VITEC_BASE_URL is another address than the database's: correct it, use another database, or, while"
            " nothing has been sent, start a worker or say `vitec-sync environment --rebind ADDRESS`."
        )
        raise typer.Exit(3)


def _describe(binding: environments.Binding | None, configured: str | None) -> list[tuple[str, object]]:
    if binding is None:
        since = "no worker has started yet"
    elif binding.bound_at is not None:
        since = f"bound since the first answer from there, {terminal.format_moment(binding.bound_at)}"
    elif binding.may_have_sent:
        since = "no answer has come from there yet, but a request may have been written: bound"
    else:
        since = "not bound yet: no answer has come from there, and nothing has been sent"
    return [
        ("Vitec", binding.base_url if binding else "none"),
        ("Since", since),
        ("VITEC_BASE_URL", configured or "not set"),
        ("Database and settings", bootstrap.settings().origin),
    ]


def _rebind(address: str) -> None:
    try:
        wanted = normalize_address(check_address(address))
    except ValueError as error:
        raise terminal.CannotBeDone(f"{address} cannot be the address of Vitec: {error}.") from None
    recorded = environments.register(bootstrap.database(), wanted)
    if not is_same_address(recorded, wanted):
        raise terminal.CannotBeDone(
            f"This database stays with {recorded}: requests have been sent there, or may have been."
            " A look-up elsewhere would prove nothing about them; use another database (DATABASE_URL)."
        )
