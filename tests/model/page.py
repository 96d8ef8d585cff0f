"""What `docs/protocol.md` shows of the model: worked out anew by `python -m tests.model --page`, compared by a test."""

from tests.model.mutants import MUTANTS, SOUND, Mutant, caught, sound
from tests.model.search import Found


def page() -> str:
    """The part of the page that the model writes: sizes, mutants, and their shortest histories."""
    found = [(mutant, caught(mutant)) for mutant in MUTANTS]
    return "\n\n".join([_sizes(), _table(found), *(_told(mutant, one) for mutant, one in found if one is not None)])


def _sizes() -> str:
    lines = ["| what is tried | different worlds | what can go wrong |", "| --- | --- | --- |"]
    for size, rules in SOUND:
        seen = sound(rules)
        lines.append(f"| {size} | {seen.worlds:,} | {'nothing' if seen.found is None else seen.found.what} |")
    return "\n".join(lines)


def _table(found: list[tuple[Mutant, Found | None]]) -> str:
    lines = ["| what is different | what comes of it | after steps |", "| --- | --- | --- |"]
    for mutant, one in found:
        verdict, count = ("nothing: it survives", "–") if one is None else (one.what, str(len(one.steps)))
        lines.append(f"| {mutant.name} | {verdict} | {count} |")
    return "\n".join(lines)


def _told(mutant: Mutant, found: Found) -> str:
    return f"**{mutant.name[0].upper()}{mutant.name[1:]}.** {mutant.guards}\n\n> {_in_one_breath(found)}: {found.what}."


def _in_one_breath(found: Found) -> str:
    """The history in one paragraph; whoever goes on doing something is named once."""
    told: list[str] = []
    last = None
    for step in found.steps:
        who = step[:8] if step.startswith("worker ") else None
        told.append(step.removeprefix(f"{who} ") if who is not None and who == last else step)
        last = who
    return " → ".join(told)
