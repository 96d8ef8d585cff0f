"""The declaration of a kind, and all that follows from it: headings, reading of a row, payload, body and call."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Final, Self
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Strict, StringConstraints, ValidationError

from worker.kind.cells import PATH_ID, Cell, path_id, read_column
from worker.kind.contract import LOOK_UP_METHOD, Answer, Call, CodeText, LookUpResult, Method, OnDoubt, ParentResult
from worker.kind.headings import Naming
from worker.kind.nesting import refuse_foreign, unfold_objects
from worker.kind.parent_results import find_lacking
from worker.kind.plan import Plan, naming_of, plan_of
from worker.kind.problems import BadCell, BadCells, Problem, read_cell
from worker.outcome import Outcome

SKEW: Final = timedelta(seconds=5)
"""How far Vitec's clock may be behind the database's."""

PathId = Annotated[str, StringConstraints(pattern=PATH_ID)]
Listed = Annotated[tuple[str, ...], Strict(strict=False)]
"""A list. JSON has no tuples, so the strictness of the others would refuse every stored one."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Kind(BaseModel):
    """An operation's payload, and the declaration of the call it belongs to.

    A subclass is one file of `worker/kinds`: class variables, fields annotated with their `Cell`, `read` and, with
    LOOK_UP, `find`. An instance comes from `parse` (a CRM's row, all rules checked) or `from_payload` (our own
    database, types checked). Its values are JSON-ready, and its `repr` shows no personal data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    kind: ClassVar[str]
    method: ClassVar[Method] = "POST"
    path: ClassVar[str]
    """With {field} for the ids: `Meeting/Comeback/{customer_id}/{contact_id}`."""
    has_body: ClassVar[bool] = True
    read_back: ClassVar[str | None] = None
    """The path of the look-up, likewise."""
    on_doubt: ClassVar[OnDoubt] = OnDoubt.HOLD
    function_group: ClassVar[str]
    expires_after: ClassVar[timedelta | None] = None
    """When it is too late, counted from enqueueing, unless the row says otherwise."""
    backoff_first: ClassVar[float | None] = None
    """Seconds of the first wait after a failure, where this kind is in more of a hurry than the settings say."""
    ids_are_unique: ClassVar[bool] = True
    """Whether a remote id should come once only for each customer: one that comes again is flagged as a `repeated_id`."""
    inferred: ClassVar[bool] = True
    """Whether a file that names no kind is taken for this one by its headings; not where they are a part of another's."""
    handed_on: ClassVar[Mapping[str, ParentResult]] = MappingProxyType({})
    """Fields that a row may leave empty if it comes after such a parent, and the result that fills each once it is there."""
    handed_on_if_asked: ClassVar[Mapping[str, tuple[ParentResult, ...]]] = MappingProxyType({})
    """Fields that a row may leave empty for good, and the results that fill each where the row asks for it (`handed_on`)."""
    withdraws: ClassVar[str | None] = None
    """The kind that this one takes back: of that, an operation with the same sequence key that was never sent is cancelled."""
    codes: ClassVar[Mapping[str, CodeText]] = MappingProxyType({})
    """The error codes that only this kind's `read` gives, at most 40 characters long."""
    headings: ClassVar[Mapping[str, str]]
    """Every folded heading of the payload's fields → the field's name. Row fields stand in `ROW_HEADINGS`.

    The name of a nested object (`participant`) stands for itself: JSON lines may nest as Vitec does.
    """
    nested: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    """The nested objects that have Swedish headings → those. One that is also a member's heading means both."""
    naming: ClassVar[Naming]
    required: ClassVar[tuple[str, ...]]
    """The payload's fields that no row may lack."""
    _plan: ClassVar[Plan]

    customer_id: Annotated[PathId, Cell(path_id, "customerId")]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._plan = plan_of(cls)
        cls.naming = naming_of(cls, cls._plan)
        cls.headings = cls.naming.fields
        cls.required = cls._plan.required

    @classmethod
    def cell_of(cls, name: str) -> Cell:
        """Give the reading of a field."""
        return cls._plan.cells[name]

    @classmethod
    def parse_columns(cls, columns: Mapping[str, Sequence[Any]]) -> list[Self] | None:
        """Read many rows together: payload field → its cells, of every row. None: `parse` must look at them one by one.

        Nearly all rows have every cell in its place and nothing wrong, and then this is the quick way.
        """
        cells_of, validate = cls._plan.cells, cls.__pydantic_validator__.validate_python
        try:
            values = [read_column(cells_of[name].read, cells) for name, cells in columns.items()]
            rows: list[Self] = [validate(dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)]
        except (BadCell, KeyError, ValidationError):
            return None
        if cls.handed_on and any(find_lacking(row) for row in rows):
            return None
        return None if any(problem for row in rows for problem in row.rules()) else rows

    @classmethod
    def parse(cls, cells: Mapping[str, Any]) -> Self:
        """Read one row: field name → text of a cell, or value of JSON. Row fields other than `customer_id` are ignored.

        Read to its end whatever is wrong in it. Raises BadCells with all problems that can be told at once.
        """
        values, problems = cls._read_cells(cells)
        if problems:
            # All that can be read is still held against the rules, so that a row comes back once and not three times.
            bad = {problem.field for problem in problems}
            unset: dict[str, Any] = dict.fromkeys(cls.model_fields)
            draft = cls.model_construct(None, **{**unset, **values})
            problems += (problem for problem in draft.rules() if problem.field not in bad)
            raise BadCells(_sort_problems(problems, cls._plan.cells))
        row = cls.from_payload(values)
        if broken := tuple(row.rules()):
            raise BadCells(_sort_problems(broken, cls._plan.cells))
        return row

    @classmethod
    def from_payload(cls, payload: Mapping[str, Any]) -> Self:
        """Take back what `payload` gave. Types and path ids are checked, the rules are not checked again."""
        try:
            row: Self = cls.__pydantic_validator__.validate_python(payload)
        except ValidationError as error:
            faults = (
                ".".join(map(str, fault["loc"])) for fault in error.errors(include_input=False, include_url=False)
            )
            problems = [
                Problem(at or cls.kind, "bad_payload", "not as it was recorded", "Import it again.") for at in faults
            ]
            raise BadCells(problems) from None
        return row

    @classmethod
    def parents_for(cls, field: str) -> tuple[str, ...]:
        """Give the kinds of the parents that can fill a field."""
        always = (cls.handed_on[field],) if field in cls.handed_on else ()
        return tuple(result.kind for result in (*always, *cls.handed_on_if_asked.get(field, ())))

    def payload(self) -> dict[str, Any]:
        """Give what goes into `operations.payload`: the fields by our names, JSON-ready, unset ones left out."""
        values = ((name, value) for name, value in self.__dict__.items() if value is not None)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values}

    def payload_json(self) -> bytes:
        """Give `payload` as JSON, the same bytes for the same content: they are hashed."""
        return self.__pydantic_serializer__.to_json(self, exclude_none=True)

    def rules(self) -> Iterable[Problem]:
        """Yield what is wrong between the fields. Any field may be None here, also a required one that was unreadable."""
        return ()

    def body(self) -> dict[str, Any]:
        """Give the JSON body by Vitec's names, in the order of its page; unset keys left out."""
        body: dict[str, Any] = {}
        values = self.__dict__
        for name, group, key in self._plan.body:
            value = values[name]
            if value is not None:
                (body if group is None else body.setdefault(group, {}))[key] = value
        return body

    def call(self, request_id: str) -> Call:
        """Give the request that carries this out. Raises BadCells if its parent has not handed on what it lacks."""
        if self.handed_on and (lacking := find_lacking(self)):
            raise BadCells(Problem(name, "missing", "its parent has not given it yet", "Wait.") for name in lacking)
        body = _encode(self.body()).encode() if self.has_body else None
        return Call(self.method, self._fill_path(self.path), body, self.customer_id, self.function_group, request_id)

    def look_up_call(self, request_id: str) -> Call | None:
        """Give the request that asks whether it is there. None: Vitec cannot be asked."""
        if self.read_back is None:
            return None
        path = self._fill_path(self.read_back)
        return Call(LOOK_UP_METHOD, path, None, self.customer_id, self.function_group, request_id)

    @classmethod
    def read(cls, answer: Answer) -> Outcome:
        """Judge a complete 2xx answer. Never raises, whatever the body holds."""
        raise NotImplementedError

    @classmethod
    def read_refusal(cls, status: int, *, sent_before: bool) -> Outcome | None:
        """Judge Vitec's refusal where it means something else than to other kinds; None: it is refused.

        `sent_before`: an earlier attempt may have acted. That which is deleted twice is not there the second time.
        """
        del status, sent_before
        return None

    def wanted_until(self) -> datetime | None:
        """Give the moment after which it is of no use, by its own date. None: it has none, or comes again and again."""
        return None

    def count_messages(self) -> int:
        """Give how many messages to people it makes Vitec send, at least."""
        return 0

    def match_key(self) -> str | None:
        """Give what a look-up could confuse with another operation of this kind and customer. None: nothing."""
        return None

    def sequence_key(self) -> str | None:
        """Name the thing at Vitec that this sets the state of, at most 200 characters, the same in every kind that sets it.

        None: it sets none. Those of one customer and key are sent in the order in which they were recorded, each once
        those before it have ended: a later one that is overtaken by the repetition of an earlier one would be undone.
        """
        return None

    def find(
        self,
        answer: Answer,
        *,
        sent_at: datetime,
        known_ids: Collection[str],
        skew: timedelta = SKEW,
        asked_at: datetime | None = None,
    ) -> LookUpResult:
        """Judge the read-back's answer: is what was sent at `sent_at` there? `known_ids`: those of its rivals, one of each.

        Vitec's clock may show that it is there, and never that it is absent. `asked_at`: when the look-up began.
        """
        raise NotImplementedError

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show the customer only: the other fields are people's data."""
        yield "customer_id", self.customer_id

    def _fill_path(self, template: str) -> str:
        """Fill the ids in, each checked once more: a `..` survives encoding and would collapse the path."""
        name, parts = "", []
        try:
            for name, is_field in self._plan.paths[template]:
                parts.append(quote(path_id(self.__dict__[name]) or "", safe="") if is_field else name)
        except BadCell as bad:
            raise BadCells([bad.at(name)]) from None
        return "/".join(parts)

    @classmethod
    def _read_cells(cls, cells: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        cells_of = cls._plan.cells
        values: dict[str, Any] = {}
        given_in: dict[str, str] = {}
        problems: list[Problem] = []
        for name, column, raw in unfold_objects(cls.naming, cells, problems):
            cell = cells_of.get(name)
            try:
                if cell is None:
                    refuse_foreign(cls.naming, name, raw)
                    continue
                value = read_cell(cell.read, raw)
            except BadCell as bad:
                problems.append(bad.at(name))
                continue
            if value is not None:
                if name in values:
                    reason = f"{cls.naming.documented[name][0]} is given twice, in {given_in[name]} and in {column}"
                    problems.append(Problem(name, "given_twice", reason, "Give it once."))
                values[name], given_in[name] = value, column
        bad_fields = {problem.field for problem in problems}
        missing = (name for name in cls.required if name not in values and name not in bad_fields)
        problems += (Problem(name, "missing", "it is missing", "Fill it in.") for name in missing)
        parent_kind = str(cells.get("after") or "").partition(":")[0].strip().casefold()
        for name, given in cls.handed_on.items():
            if name not in values and name not in bad_fields and given.kind != parent_kind:
                remedy = f"Fill it in, or name the {given.kind} that gives it in the column after."
                problems.append(Problem(name, "missing", "it is missing", remedy))
        return values, problems


def _sort_problems(problems: Iterable[Problem], cells: Mapping[str, Cell]) -> list[Problem]:
    order = {name: place for place, name in enumerate(cells)}
    return sorted(problems, key=lambda problem: order.get(problem.field, len(order)))
