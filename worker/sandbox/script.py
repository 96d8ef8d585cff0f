"""Which request meets which fault: a script of rules, and the dice that play it the same way again."""

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worker.sandbox.calls import Kind
from worker.sandbox.faults import Fault, Stage

_LONGEST: Final = 3600.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    """What a rule looks for. What is left out matches anything.

    `path` is found anywhere in the path; `nth` counts, from 1, what the rest of the match lets through.
    """

    kind: Kind | None = None
    customer_id: str | None = None
    path: str | None = None
    nth: Annotated[int, Field(ge=1)] | None = None

    def lets_through(self, subject: "Subject") -> bool:
        return (
            self.kind in {None, subject.kind}
            and self.customer_id in {None, subject.customer_id}
            and (self.path is None or self.path in subject.path)
        )


class Rule(_Strict):
    """One fault, for whom, how often (`times`, else always) and how probably.

    `applied` overrides whether the call is carried out. `seconds` is the length of what has one: a shut door, a hang,
    the pause between the bytes of a drip, the value of Retry-After, the delay of a late act.
    """

    fault: Fault
    match: Match = Match()
    times: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    applied: bool | None = None
    seconds: Annotated[float, Field(gt=0, le=_LONGEST)] | None = None

    @model_validator(mode="after")
    def _fits_its_stage(self) -> Self:
        match, stage = self.match, self.fault.stage
        if stage is Stage.AT_THE_DOOR and (match.kind or match.customer_id or match.path):
            raise ValueError(f"{self.fault} strikes a connection before any request: it can match nothing but nth")
        if stage is not Stage.AFTER_READING and self.applied:
            raise ValueError(f"{self.fault} strikes before the request is read: the call cannot be applied")
        return self

    def deal(self) -> "Dealt":
        applied = self.fault.applies if self.applied is None else self.applied
        return Dealt(self.fault, applied=applied, seconds=self.seconds)


class Script(_Strict):
    """Rules in order: the first that matches, is not used up and wins its dice strikes."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, source: "ScriptSource") -> Self:
        """Read a script from a `.toml` or `.json` file, a list of rules, or an object of `seed` and `rules`."""
        if source is None:
            return cls()
        if isinstance(source, cls):
            return source
        if isinstance(source, Path):
            text = source.read_text(encoding="utf-8")
            source = tomllib.loads(text) if source.suffix == ".toml" else json.loads(text)
        return cls.model_validate(source if isinstance(source, dict) else {"rules": source})


ScriptSource = Script | Path | Sequence[Rule | dict[str, Any]] | dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule can know of a request from its first line. A connection has no kind, customer or path."""

    kind: Kind | None = None
    customer_id: str | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class Dealt:
    """A fault that is to strike now."""

    fault: Fault
    applied: bool
    seconds: float | None = None


class Faults:
    """Deals out a script's faults.

    The dice of a rule depend on the seed, the path and how often this path was asked for, not on the order in which
    different paths arrive; so a run with many requests in flight is dealt the same hand again.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._asked: Counter[str] = Counter()

    def for_connection(self) -> Dealt | None:
        return self._first(Subject(), at_the_door=True)

    def for_request(self, subject: Subject) -> Dealt | None:
        return self._first(subject, at_the_door=False)

    def _first(self, subject: Subject, *, at_the_door: bool) -> Dealt | None:
        if not self.script.rules:
            return None
        self._asked[subject.path] += 1
        dealt = None
        for number, rule in enumerate(self.script.rules):
            if (rule.fault.stage is Stage.AT_THE_DOOR) is not at_the_door or not rule.match.lets_through(subject):
                continue
            self._matched[number] += 1
            if dealt is None and self._strikes(number, rule, subject.path):
                self._struck[number] += 1
                dealt = rule.deal()
        return dealt

    def _strikes(self, number: int, rule: Rule, path: str) -> bool:
        if rule.times is not None and self._struck[number] >= rule.times:
            return False
        if rule.match.nth is not None and rule.match.nth != self._matched[number]:
            return False
        return rule.probability >= 1 or self._dice(number, path) < rule.probability

    def _dice(self, number: int, path: str) -> float:
        throw = f"{self.script.seed}/{number}/{path}/{self._asked[path]}"
        return int.from_bytes(sha256(throw.encode()).digest()[:8]) / 2**64
