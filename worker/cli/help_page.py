"""The help page of a command: option values by their own names, not by Python's types, and nothing beside a flag."""

import inspect
import re
from collections.abc import Callable
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

_SHORT: Final = 24
"""Characters up to which the choices of an option stand beside it; more are listed in its text."""


class PlainCommand(TyperCommand):
    """A command of which the help page is simplified."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the parameters, the help option included, in the form that the help page shows."""
        return simplify(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A command with commands of its own, of which the help page is simplified."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Give the parameters, the help option included, in the form that the help page shows."""
        return simplify(super().get_params(ctx))


def simplify(parameters: list[Any]) -> list[Any]:
    """Replace the types that the help page shows (`<list[str]>`, `<bool>`) by names of values; change nothing else."""
    for parameter in parameters:
        if parameter.param_type_name == "argument":
            _show_argument(parameter)
        else:
            _show_option(parameter)
    return parameters


def unwrap(text: str | None) -> str:
    """Join the lines of each paragraph: the terminal breaks them at its own width."""
    return re.sub(r"(?<!\n)\n(?!\n)", " ", inspect.cleandoc(text or ""))


def _answer(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


def _show_argument(argument: Any) -> None:
    name = argument.display_name_raw.strip("[].")
    usage = name if argument.required else f"[{name}]"
    repeated = "..." if argument.nargs != 1 else ""
    argument.display_type_rich = _answer(None)
    argument.get_usage_pieces = _answer([usage + repeated])


def _show_option(option: Any) -> None:
    label = _name_value(option)
    if label == "N" and option.max is not None:
        label = f"{option.min or 0}-{option.max}"
    option.display_type_rich = _answer(label)
    # Typer's own addition: `[1<=x<=10000]`.
    option._get_number_range_help_str = _answer(None)  # noqa: SLF001


def _name_value(option: Any) -> str | None:
    """Name an option's value: its few choices, FILE, N, or the option's own name; None for a flag."""
    if option.is_flag:
        return None
    descriptor = option.type_descriptor
    own_name = str(option.metavar or option.name.replace("_", "-").upper())
    if descriptor.is_choice:
        choices = [str(getattr(choice, "value", choice)) for choice in descriptor.choices or ()]
        if len("|".join(choices)) <= _SHORT:
            return "|".join(choices)
        listed = f"One of {', '.join(choices)}."
        if listed not in (option.help or ""):
            option.help = f"{option.help or ''} {listed}".strip()
        return own_name
    if descriptor.is_path:
        return "FILE"
    return "N" if descriptor.is_ranged else own_name
