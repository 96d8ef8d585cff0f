"""The search: tries every history, shortest first, until a promise is broken, or a row can no longer come to an end."""

from collections import deque
from dataclasses import dataclass, replace

from tests.model.protocol import steps
from tests.model.state import RowState, Rules, World, initial_world


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A history that breaks a promise: the promise, and the steps that lead there."""

    violation: str
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The number of worlds seen, and the counterexample if there is one. `complete`: no reachable world is unseen."""

    worlds: int
    counterexample: Counterexample | None
    complete: bool


FORGOTTEN = "something is forgotten"

Predecessors = dict[World, tuple[World, str] | None]


def explore(rules: Rules, *, only: str | None = None, limit: int = 2_000_000) -> SearchResult:
    """Try every history, shortest first, until one breaks a promise (with `only`: this one) or no world is new."""
    start = initial_world(rules)
    predecessors: Predecessors = {start: None}
    comes_from: dict[World, list[World]] = {}
    queue = deque([start])
    while queue and len(predecessors) < limit:
        world = queue.popleft()
        for step, reached in steps(world, rules):
            after = reached
            if after.violation is not None:
                if only in {None, after.violation}:
                    return SearchResult(
                        len(predecessors),
                        Counterexample(after.violation, (*_steps_to(predecessors, world), step)),
                        complete=False,
                    )
                after = replace(after, violation=None)
            comes_from.setdefault(after, []).append(world)
            if after not in predecessors:
                predecessors[after] = (world, step)
                queue.append(after)
    if queue:
        return SearchResult(len(predecessors), None, complete=False)
    return SearchResult(
        len(predecessors),
        _find_forgotten(predecessors, comes_from, rules) if only in {None, FORGOTTEN} else None,
        complete=True,
    )


def _steps_to(predecessors: Predecessors, world: World) -> tuple[str, ...]:
    names: list[str] = []
    came_by = predecessors[world]
    while came_by is not None:
        names.append(came_by[1])
        came_by = predecessors[came_by[0]]
    return tuple(reversed(names))


def _find_forgotten(
    predecessors: Predecessors, comes_from: dict[World, list[World]], rules: Rules
) -> Counterexample | None:
    """Find a world from which no step leads to an end: a row stays undone, and no person is asked about it."""
    hopeful = {world for world in predecessors if _has_ended(world, rules)}
    queue = deque(hopeful)
    while queue:
        for before in comes_from.get(queue.popleft(), ()):
            if before not in hopeful:
                hopeful.add(before)
                queue.append(before)
    for world in predecessors:
        if world not in hopeful:
            return Counterexample(FORGOTTEN, _steps_to(predecessors, world))
    return None


def _has_ended(world: World, rules: Rules) -> bool:
    """Whether each row has succeeded or is a person's: two in doubt that read back alike, or one without attempts left."""
    in_doubt = sum(row.state is RowState.IN_DOUBT for row in world.rows)
    return not world.requests and all(
        row.state is RowState.SUCCEEDED
        or (row.state is RowState.IN_DOUBT and in_doubt > 1)
        or (row.state is RowState.WAITING and row.attempt == rules.attempts)
        for row in world.rows
    )
