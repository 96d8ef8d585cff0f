"""The generated part of `docs/protocol.md`: printed by `python -m tests.model --page`, compared by a test."""

from tests.model.mutants import MUTANTS, SOUND, Mutant, counterexample_of, search_protocol
from tests.model.search import Counterexample


def page() -> str:
    """Sizes, mutants, and the mutants' shortest histories, in Markdown."""
    counterexamples = [(mutant, counterexample_of(mutant)) for mutant in MUTANTS]
    histories = [_history_text(mutant, example) for mutant, example in counterexamples if example is not None]
    return "\n\n".join([_sizes(), _table(counterexamples), *histories])


def _sizes() -> str:
    lines = ["| what is searched | different worlds | what can go wrong |", "| --- | --- | --- |"]
    for size, rules in SOUND:
        result = search_protocol(rules)
        violation = "nothing" if result.counterexample is None else result.counterexample.violation
        lines.append(f"| {size} | {result.worlds:,} | {violation} |")
    return "\n".join(lines)


def _table(counterexamples: list[tuple[Mutant, Counterexample | None]]) -> str:
    lines = ["| mutant | promise that it breaks | after steps |", "| --- | --- | --- |"]
    for mutant, example in counterexamples:
        violation, steps = (
            ("none: it survives", "–") if example is None else (example.violation, str(len(example.steps)))
        )
        lines.append(f"| {mutant.name} | {violation} | {steps} |")
    return "\n".join(lines)


def _history_text(mutant: Mutant, example: Counterexample) -> str:
    title = f"{mutant.name[0].upper()}{mutant.name[1:]}"
    return f"**{title}.** {mutant.reason}\n\n> {_in_one_paragraph(example)}: {example.violation}."


def _in_one_paragraph(example: Counterexample) -> str:
    """The steps in one paragraph; consecutive steps of one worker name it once."""
    texts: list[str] = []
    last_worker = None
    for step in example.steps:
        worker = step[:8] if step.startswith("worker ") else None
        texts.append(step.removeprefix(f"{worker} ") if worker is not None and worker == last_worker else step)
        last_worker = worker
    return " → ".join(texts)
