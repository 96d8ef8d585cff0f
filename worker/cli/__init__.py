"""`vitec-sync`: the list of all commands. Each is imported when it is run, so that help comes at once."""

import importlib
import io
import sys
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from worker.cli.help_page import PlainCommand, simplify, unwrap

_IN_OUT, _LOOK, _DECIDE, _SET_UP = "In and out", "Look", "Decide", "Set up and try"


class LazyCommand(NamedTuple):
    """Where a command's function is, and its line in the list. The function's docstring is the command's own page."""

    import_path: str
    panel: str
    short_help: str


LAZY_COMMANDS: Final = {
    "import": LazyCommand("importing:import_", _IN_OUT, "Take in exports of the CRM."),
    "mapping": LazyCommand(
        "mapping:mapping", _IN_OUT, "Draft and check a mapping, for exports with their own headings."
    ),
    "columns": LazyCommand("columns:columns", _IN_OUT, "List the columns that a kind takes, or write an empty export."),
    "feeds": LazyCommand("feeds:app", _IN_OUT, "Show the feeds that run by themselves; run, stop or start one."),
    "rejected": LazyCommand("rejecting:rejected", _IN_OUT, "List rows that could not be taken in, and why."),
    "codes": LazyCommand("codes:codes", _IN_OUT, "Tell what a code means, and what helps."),
    "results": LazyCommand("results:results", _IN_OUT, "Write what the CRM has not been told yet."),
    "status": LazyCommand("status:status", _LOOK, "Tell at a glance whether all is well."),
    "list": LazyCommand("show:list_", _LOOK, "List operations, newest first."),
    "show": LazyCommand("show:show", _LOOK, "Show all that is known of one operation."),
    "explain": LazyCommand("explaining:explain_", _LOOK, "Tell why an operation has not been sent, and what helps."),
    "observe": LazyCommand("observing:observe", _LOOK, "Sum up in which shapes Vitec has answered."),
    "resolve": LazyCommand(
        "resolving:resolve", _DECIDE, "Settle an operation in doubt: it is there, send again, or give up."
    ),
    "requeue": LazyCommand("deciding:requeue", _DECIDE, "Send operations after all that ended without success."),
    "cancel": LazyCommand("deciding:cancel", _DECIDE, "Take operations back that are not wanted any more."),
    "pause": LazyCommand("holding:pause", _DECIDE, "Send nothing for a customer, a kind of its, or at all."),
    "resume": LazyCommand("holding:resume", _DECIDE, "End a pause, or another hold before its time."),
    "doctor": LazyCommand("doctor:doctor", _SET_UP, "Find what is wrong below the work itself, and mend it."),
    "migrate": LazyCommand("admin:migrate", _SET_UP, "Make the database's tables, or bring them up to date."),
    "environment": LazyCommand(
        "environment:environment", _SET_UP, "Show to which Vitec the database belongs, and where settings come from."
    ),
    "demo": LazyCommand("demo.command:demo", _SET_UP, "Run the whole main job here, against a stand-in for Vitec."),
    "sandbox": LazyCommand("sandbox:sandbox", _SET_UP, "Run a stand-in for Vitec Connect until it is stopped."),
}


class LazyGroup(TyperGroup):
    """Click's LazyGroup: lists commands without importing them. An expected error becomes one line."""

    def __init__(self, **attributes: Any) -> None:
        """Give every command its line in the list; `resolve_command` gives the command itself."""
        super().__init__(**attributes)
        self.commands = {
            name: TyperCommand(name, help=command.short_help, rich_help_panel=command.panel)
            for name, command in LAZY_COMMANDS.items()
        }

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the parameters in the form that the help page shows."""
        return simplify(super().get_params(ctx))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Find the command that the arguments name, and import it; None while a shell completes a name."""
        name, command, arguments = super().resolve_command(ctx, args)
        return name, command and load(str(name)), arguments

    def invoke(self, ctx: Any) -> Any:
        """Run the command. An expected error ends with status 1 and one line; a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of the pipe has gone (`| head`). Flushing the stream at exit would fail once more.
            sys.stdout = io.StringIO()
            raise typer.Exit(1) from None
        except Exception as error:
            from worker.cli import failures, terminal

            text = failures.describe_failure(error)
            if text is None:
                raise
            terminal.print_error(text)
            raise typer.Exit(1) from None


def load(name: str) -> Any:
    """Import a command's function, and make the command of it; or the group of commands that stands there instead."""
    module, _, name_there = LAZY_COMMANDS[name].import_path.partition(":")
    function = getattr(importlib.import_module(f"worker.cli.{module}"), name_there)
    if isinstance(function, typer.Typer):
        return typer.main.get_command(function)
    single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    single.command(name, cls=PlainCommand, help=unwrap(function.__doc__))(function)
    return typer.main.get_command(single)


def _print_version(is_wanted: bool) -> None:
    """Print the version of the installed program, and end."""
    if is_wanted:
        from importlib.metadata import version

        typer.echo(f"vitec-sync {version('vitec-sync')}")
        raise typer.Exit


app = typer.Typer(cls=LazyGroup, no_args_is_help=True, pretty_exceptions_enable=False)


@app.callback(epilog="Exit status: 0 done, 1 could not be done, 2 usage, 3 done in part or a person is needed.")
def _vitec_sync(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Bring a CRM's rows to Vitec Connect: each one once, and nothing lost."""


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows a question mark instead of a traceback.
            stream.reconfigure(errors="replace")
    app()
