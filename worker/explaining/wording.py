"""Wording that sentences share: moments by Stockholm's clock, numbers, scopes, error codes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from models import Scope
from worker.codes.registry import explain_code
from worker.stockholm import STOCKHOLM


def format_moment(moment: datetime, at: datetime | None = None, *, seconds: bool = True, zone: bool = True) -> str:
    """Write a moment by Stockholm's clock, with its date unless that is the date of `at`: `10:05:00 CET`.

    Without the zone, what stands around it must name the clock.
    """
    local = moment.astimezone(STOCKHOLM)
    is_today = at is not None and local.date() == at.astimezone(STOCKHOLM).date()
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{'' if is_today else f'{local:%Y-%m-%d} '}{time}{f' {local:%Z}' if zone else ''}"


def as_words(value: object) -> str:
    """Write one of our words (`in_flight`) as people say it."""
    return str(value).replace("_", " ")


def count_noun(count: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}".replace(",", "\N{NO-BREAK SPACE}")


def explain_error(code: str | None, kind: str | None = None) -> str:
    """Write the meaning of an error code, with the code itself, as the end of a sentence."""
    return f"{explain_code(code, kind).text.removesuffix('.')} ({code})." if code else "no reason was noted."


def name_scope(hold: Mapping[str, Any] | RowMapping) -> str:
    """Name the scope of a hold, given its columns: `everything`, `M30001, viewing`, `M30001, order token`, `login default`."""
    match hold["scope"]:
        case Scope.ENVIRONMENT:
            return "everything"
        case Scope.GROUP:
            return f"{hold['customer_id']}, {hold['function_group']}"
        case Scope.LOGIN:
            return f"login {hold['login']}{f', {group}' if (group := hold['function_group']) else ''}"
        case _:
            return f"{hold['customer_id']}, {as_words(hold['kind'])}"


def write_scope_options(hold: Mapping[str, Any] | RowMapping) -> str:
    """Write the options with which `vitec-sync pause` and `resume` name the scope of a hold."""
    match hold["scope"]:
        case Scope.ENVIRONMENT:
            return "--all"
        case Scope.GROUP:
            return f"--customer {hold['customer_id']} --group {hold['function_group']}"
        case Scope.LOGIN:
            return f"--login {hold['login']}{f' --group {group}' if (group := hold['function_group']) else ''}"
        case _:
            return f"--customer {hold['customer_id']} --kind {hold['kind']}"
