"""Every history of the model, shortest first: what can go wrong, and whether everything can still come to an end."""

from collections import deque
from dataclasses import dataclass, replace

from tests.model.protocol import steps
from tests.model.words import Is, Rules, World, beginning


@dataclass(frozen=True, slots=True)
class Found:
    """A history that ends in what must never happen."""

    what: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explored:
    """What a search has seen. `complete`: there was nothing more to see."""

    worlds: int
    found: Found | None
    complete: bool


FORGOTTEN = "something is forgotten"

Came = dict[World, tuple[World, str] | None]


def explore(rules: Rules, *, only: str | None = None, most: int = 2_000_000) -> Explored:
    """Try every history, shortest first, until something breaks (with `only`, exactly that) or nothing is new."""
    start = beginning(rules)
    came: Came = {start: None}
    reaches: dict[World, list[World]] = {}
    waiting = deque([start])
    while waiting and len(came) < most:
        world = waiting.popleft()
        for what, to in steps(world, rules):
            after = to
            if after.broken is not None:
                if only in {None, after.broken}:
                    return Explored(len(came), Found(after.broken, (*_history(came, world), what)), complete=False)
                after = replace(after, broken=None)
            reaches.setdefault(after, []).append(world)
            if after not in came:
                came[after] = (world, what)
                waiting.append(after)
    if waiting:
        return Explored(len(came), None, complete=False)
    return Explored(len(came), _forgotten(came, reaches, rules) if only in {None, FORGOTTEN} else None, complete=True)


def _history(came: Came, world: World) -> tuple[str, ...]:
    told: list[str] = []
    step = came[world]
    while step is not None:
        told.append(step[1])
        step = came[step[0]]
    return tuple(reversed(told))


def _forgotten(came: Came, reaches: dict[World, list[World]], rules: Rules) -> Found | None:
    """A world from which nothing leads to an end: whatever happens, something stays undone and nobody's question."""
    hopeful = {world for world in came if _ended(world, rules)}
    waiting = deque(hopeful)
    while waiting:
        for before in reaches.get(waiting.popleft(), ()):
            if before not in hopeful:
                hopeful.add(before)
                waiting.append(before)
    for world in came:
        if world not in hopeful:
            return Found(FORGOTTEN, _history(came, world))
    return None


def _ended(world: World, rules: Rules) -> bool:
    """All rows have ended, or are a person's: two in doubt that only a person can tell apart, or the budget is used."""
    in_doubt = sum(row.state is Is.IN_DOUBT for row in world.rows)
    return not world.requests and all(
        row.state is Is.SUCCEEDED
        or (row.state is Is.IN_DOUBT and in_doubt > 1)
        or (row.state is Is.WAITING and row.attempt == rules.attempts)
        for row in world.rows
    )
