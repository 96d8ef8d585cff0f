"""`vitec-sync`: all commands by name. Each is imported when it is called, so that help comes at once."""

import importlib
import io
import sys
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: where its function is, what it does in a line, and among which others it is listed."""

    name: str
    where: str
    does: str
    panel: str


_IN_OUT, _LOOK, _DECIDE, _SET_UP = "In and out", "Look", "Decide", "Set up and try"

ENTRIES = (
    Entry("import", "importing:import_", "Take in exports of the CRM.", _IN_OUT),
    Entry("rejected", "importing:rejected", "List rows that could not be taken in, and why.", _IN_OUT),
    Entry("results", "results:results", "Write what the CRM has not been told yet.", _IN_OUT),
    Entry("status", "status:status", "Tell at a glance whether all is well.", _LOOK),
    Entry("list", "show:list_", "List operations, newest first.", _LOOK),
    Entry("show", "show:show", "Show all that is known of one operation.", _LOOK),
    Entry("explain", "explaining:explain_", "Tell why an operation has not been sent, and what helps.", _LOOK),
    Entry("resolve", "deciding:resolve", "Settle an operation in doubt: it is there, send again, or give up.", _DECIDE),
    Entry("requeue", "deciding:requeue", "Send operations after all that ended without success.", _DECIDE),
    Entry("cancel", "deciding:cancel", "Take operations back that are not wanted any more.", _DECIDE),
    Entry("pause", "holding:pause", "Send nothing for a customer, a kind of its, or at all.", _DECIDE),
    Entry("resume", "holding:resume", "End a pause, or another hold before its time.", _DECIDE),
    Entry("migrate", "admin:migrate", "Make the database's tables, or bring them up to date.", _SET_UP),
    Entry("demo", "demo.command:demo", "Run the whole main job here, against a stand-in for Vitec.", _SET_UP),
    Entry("sandbox", "sandbox:sandbox", "Run a stand-in for Vitec Connect until it is stopped.", _SET_UP),
)
_BY_NAME = {entry.name: entry for entry in ENTRIES}


class Commands(TyperGroup):
    """Lists commands without importing them, and tells expected errors in one line."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Give the names in the order of `ENTRIES`."""
        del ctx
        return list(_BY_NAME)

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Give the command as the list of commands shows it; what is run comes from `resolve_command`."""
        del ctx
        entry = _BY_NAME.get(cmd_name)
        return None if entry is None else TyperCommand(entry.name, help=entry.does, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the named command and import it."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(_BY_NAME[str(name)]), rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Exit status 1 and a line for what is expected to go wrong; a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # Whoever read has gone (`| head`); nothing more can be told them, nor when the stream is flushed in the end.
            sys.stdout = io.StringIO()
            raise typer.Exit(1) from None
        except Exception as error:
            from worker.cli import failures, terminal

            text = failures.line_for(error)
            if text is None:
                raise
            terminal.error(text)
            raise typer.Exit(1) from None


def load(entry: Entry) -> Any:
    """Import a command's function and make the command of it."""
    module, _, function = entry.where.partition(":")
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    alone.command(entry.name)(getattr(importlib.import_module(f"worker.cli.{module}"), function))
    return typer.main.get_command(alone)


app = typer.Typer(cls=Commands, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback(epilog="Exit status: 0 done, 1 could not be done, 2 usage, 3 done in part or a person is needed.")
def _vitec_sync() -> None:
    """Bring a CRM's rows to Vitec Connect: each one once, and nothing lost."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows a question mark instead of a traceback.
            stream.reconfigure(errors="replace")
    app()
