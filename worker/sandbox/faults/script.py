"""Scripts: rules that say which request meets which fault, and seeded dice, so that a run can be repeated."""

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from worker.sandbox.api.calls import CallKind
from worker.sandbox.faults.fault import Fault, FaultStage
from worker.sandbox.faults.wrong_clock import WrongClock

_LONGEST: Final = 3600.0


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Match(_Strict):
    """The requests that a rule is about. A field that is not given matches anything.

    `path` may be any part of the path; `nth` counts, from 1, the requests that all other fields match.
    """

    kind: CallKind | None = None
    customer_id: str | None = None
    path: str | None = None
    nth: Annotated[int, Field(ge=1)] | None = None

    def matches(self, target: "FaultTarget") -> bool:
        return (
            self.kind in {None, target.kind}
            and self.customer_id in {None, target.customer_id}
            and (self.path is None or self.path in target.path)
        )


class Rule(_Strict):
    """One fault, the requests it may strike, how often (`times`, else always) and how probably.

    `applied` overrides whether the call is carried out. `seconds` is the fault's length: of a refusal, of a hang, of
    the pause between the bytes of a drip, of the delay of a late act; or the value of Retry-After. `delay_ms`: how long after the right answer a second one comes.
    """

    fault: Fault
    match: Match = Match()
    times: Annotated[int, Field(ge=1)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    applied: bool | None = None
    seconds: Annotated[float, Field(gt=0, le=_LONGEST)] | None = None
    delay_ms: Annotated[float, Field(ge=0, le=1000 * _LONGEST)] = 0

    @model_validator(mode="after")
    def _fits_its_stage(self) -> Self:
        match, stage = self.match, self.fault.stage
        if stage is FaultStage.ON_CONNECT and (match.kind or match.customer_id or match.path):
            raise ValueError(f"{self.fault} strikes a connection before any request: it can match nothing but nth")
        if stage is not FaultStage.AFTER_READING and self.applied:
            raise ValueError(f"{self.fault} strikes before the request is read: the call cannot be applied")
        return self

    def activate(self) -> "ActiveFault":
        applied = self.fault.applies if self.applied is None else self.applied
        return ActiveFault(self.fault, applied=applied, seconds=self.seconds, delay_ms=self.delay_ms)


class Script(_Strict):
    """Rules in order: the first that matches, is not used up and wins its dice strikes. And a clock, if it is wrong."""

    seed: int = 0
    rules: tuple[Rule, ...] = ()
    clock: WrongClock | None = None

    @classmethod
    def read(cls, source: "ScriptSource") -> Self:
        """Read a script from a `.toml` or `.json` file, a list of rules, or an object of `seed`, `rules` and `clock`."""
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
class FaultTarget:
    """The facts that a rule can match: those of a request's first line. A connection has no kind, customer or path."""

    kind: CallKind | None = None
    customer_id: str | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class ActiveFault:
    """A fault that is to strike now."""

    fault: Fault
    applied: bool
    seconds: float | None = None
    delay_ms: float = 0


class ScriptedFaults:
    """Decides by a script which fault strikes next.

    The dice of a rule depend on the seed, the path and how often this path was asked for, not on the order in which
    different paths arrive; so a run with many requests in flight can be repeated.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self._matched: Counter[int] = Counter()
        self._struck: Counter[int] = Counter()
        self._requests_of_path: Counter[str] = Counter()

    def for_connection(self) -> ActiveFault | None:
        return self._first_to_strike(FaultTarget(), on_connect=True)

    def for_request(self, target: FaultTarget) -> ActiveFault | None:
        return self._first_to_strike(target, on_connect=False)

    def _first_to_strike(self, target: FaultTarget, *, on_connect: bool) -> ActiveFault | None:
        if not self.script.rules:
            return None
        self._requests_of_path[target.path] += 1
        active_fault = None
        for number, rule in enumerate(self.script.rules):
            if (rule.fault.stage is FaultStage.ON_CONNECT) is not on_connect or not rule.match.matches(target):
                continue
            self._matched[number] += 1
            if active_fault is None and self._strikes(number, rule, target.path):
                self._struck[number] += 1
                active_fault = rule.activate()
        return active_fault

    def _strikes(self, number: int, rule: Rule, path: str) -> bool:
        if rule.times is not None and self._struck[number] >= rule.times:
            return False
        if rule.match.nth is not None and rule.match.nth != self._matched[number]:
            return False
        return rule.probability >= 1 or self._throw_dice(number, path) < rule.probability

    def _throw_dice(self, number: int, path: str) -> float:
        throw = f"{self.script.seed}/{number}/{path}/{self._requests_of_path[path]}"
        return int.from_bytes(sha256(throw.encode()).digest()[:8]) / 2**64
