"""`vitec-sync sandbox`: run the stand-in for Vitec Connect until it is stopped."""

import errno
import json
import os
import sqlite3
import tomllib
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from worker.sandbox import (
    PASSWORD,
    USER,
    AccessRules,
    Certificate,
    Latency,
    Sandbox,
    SandboxOptions,
    Script,
    run_sandbox,
)


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 0,
    ledger: Annotated[Path | None, typer.Option(help="SQLite file of what was received; without it, memory.")] = None,
    latency: Annotated[str, typer.Option(help="How long an answer takes: 0.05, 50ms, or 20ms-80ms.")] = "0",
    faults: Annotated[Path | None, typer.Option(help="Script of faults, .toml or .json.")] = None,
    user: Annotated[str, typer.Option(help="User name that is let in.")] = USER,
    password_file: Annotated[
        Path | None, typer.Option(help=f"File with the password; without it, {PASSWORD}, which opens nothing else.")
    ] = None,
    closed: Annotated[list[str] | None, typer.Option(help="Office that answers 403; may be given again.")] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM file, to speak TLS; wants --key too.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM file with the certificate's key.")] = None,
    ready_file: Annotated[Path | None, typer.Option(help="Where to write the base URL once listening.")] = None,
) -> None:
    """Run a stand-in for Vitec Connect on this machine. It is not Vitec, and no customer is reached."""
    if (certificate is None) != (key is None):
        raise typer.BadParameter("--certificate and --key are given together or not at all")
    options = SandboxOptions(
        port=port,
        ledger=ledger or ":memory:",
        faults=_read_script(faults),
        latency=_read_latency(latency),
        access=AccessRules(user=user, password=_read_password(password_file), closed=frozenset(closed or ())),
        tls=Certificate(str(certificate), str(key)) if certificate else None,
    )
    try:
        run_sandbox(options, lambda running: _announce(running, ledger, ready_file))
    except (OSError, sqlite3.Error) as error:
        problem = "it is taken; --port 0 takes a free one" if _is_taken(error) else str(error)
        typer.echo(f"The sandbox cannot start on 127.0.0.1 port {port}: {problem}", err=True)
        raise typer.Exit(1) from None
    if ready_file is not None:
        ready_file.unlink(missing_ok=True)


def _is_taken(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno == errno.EADDRINUSE


def _announce(running: Sandbox, ledger: Path | None, ready_file: Path | None) -> None:
    typer.echo(
        f"Sandbox at {running.base_url}: a stand-in for Vitec Connect, not Vitec. User {running.access.user}; "
        f"ledger {ledger or 'in memory'}; stop it with Ctrl-C."
    )
    if ready_file is not None:
        # Renamed into place, so that no reader gets half an address.
        draft = ready_file.with_name(f".{ready_file.name}.{os.getpid()}")
        draft.write_text(running.base_url, encoding="utf-8")
        draft.replace(ready_file)


def _read_latency(text: str) -> Latency:
    try:
        return Latency.parse(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--latency") from None


def _read_script(path: Path | None) -> Script:
    try:
        return Script.read(path)
    except (OSError, ValidationError, json.JSONDecodeError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} is no script of faults: {error}", param_hint="--faults") from None


def _read_password(path: Path | None) -> str:
    if path is None:
        return PASSWORD
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(
            f"{path} cannot be read: {type(error).__name__}", param_hint="--password-file"
        ) from None
