"""Concerns about rows that ended without success, could not be taken in, or wait in vain. Pure.

An untold failure is a concern until the CRM is told of it, or it is sent after all. Where most of a kind fail, one
cause is likely, and it is a concern for a day, told or not, until those have been sent after all.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta

from models import FINAL, State
from worker.concerns.concern import Concern, Severity
from worker.explaining.wording import as_words, count_noun, format_moment
from worker.outbox.exchange.settle import REPEATED_ID
from worker.outbox.views.endings import NEWEST, EndingCount
from worker.outbox.views.overview import Overview

MANY = 5
"""Failures of a kind in a day from which on their share is looked at."""

PARENT_FAILED = "parent_failed"
"""The code of a failure that is another row's."""

_TELL = "vitec-sync results --output results.csv"


def find_ending_concerns(overview: Overview, parent_missing_after: timedelta) -> Iterator[Concern]:
    """Give the concerns about what has ended or cannot begin."""
    yield from _failing_kinds(overview.latest)
    yield from _repeated_ids(overview.latest)
    for state, severity in ((State.FAILED, Severity.ERROR), (State.EXPIRED, Severity.WARNING)):
        if groups := [group for group in overview.untold if group.state is state]:
            yield _untold_concern(overview, groups, state, severity)
    if count := overview.refused_files:
        text = (
            f"{count_noun(count, 'file')} {'was' if count == 1 else 'were'} refused as a whole: nothing was taken in."
        )
        advice = "Mend the export, and take in one of that name. Which, and why:"
        yield Concern("refused_files", Severity.ERROR, text, advice, "vitec-sync rejected", count=count)
    if count := overview.unreported_rejected:
        text = f"{count_noun(count, 'row')} could not be taken in, and the CRM has not been told."
        advice = "Mend them in the CRM and export them again. Which, and why:"
        yield Concern("rejected_rows", Severity.ERROR, text, advice, "vitec-sync rejected", count=count)
    since = overview.lost_since
    if since is not None and parent_missing_after and overview.at - since > parent_missing_after:
        text = f"{count_noun(overview.lost, 'operation')} wait for a row that has not been exported, or for each other;"
        text += f" the oldest since {format_moment(since, overview.at, seconds=False)}."
        advice = "Export the rows they come after, or cancel them. Which they are:"
        command = "vitec-sync list --parent-missing"
        yield Concern("parent_missing", Severity.WARNING, text, advice, command, since=since, count=overview.lost)


def _failing_kinds(latest: Sequence[EndingCount]) -> Iterator[Concern]:
    """Give a concern for each kind of which half or more of what ended in a day has failed."""
    by_kind: dict[str, list[EndingCount]] = {}
    for group in latest:
        if group.state in FINAL - {State.CANCELLED} and group.code != PARENT_FAILED:
            by_kind.setdefault(group.kind, []).append(group)
    for kind, groups in sorted(by_kind.items()):
        failures = [group for group in groups if group.state is State.FAILED]
        failed, ended = _sum(failures), _sum(groups)
        if failed >= MANY and 2 * failed >= ended:
            share = "All" if failed == ended else f"{failed}"
            text = f"{share} of the last {ended} {as_words(kind)} have failed: {_name_codes(failures)}."
            advice = "One cause is likely. Which, and why (when it is mended, `vitec-sync requeue` sends them again):"
            command = f"vitec-sync list --state failed --kind {kind}"
            since = min(group.since for group in failures)
            data = {"kind": kind, "ended": ended, "codes": _codes(failures)}
            yield Concern("failing_kind", Severity.ERROR, text, advice, command, since, failed, data)


def _repeated_ids(latest: Sequence[EndingCount]) -> Iterator[Concern]:
    """Give a concern for each kind with ids that came before: they have one cause, and there is no deed for each."""
    for group in latest:
        if group.code == REPEATED_ID:
            text = f"{count_noun(group.count, as_words(group.kind))} of the last 24 hours have an id of Vitec's"
            text += " that came before for another one: each was carried out, and its id does not name it."
            advice = "See what Vitec answers. If its answer is no id, the kind is to say ids_are_unique = False. Which:"
            command = f"vitec-sync list --state succeeded --code {REPEATED_ID} --kind {group.kind}"
            data = {"kind": group.kind}
            yield Concern("repeated_id", Severity.WARNING, text, advice, command, group.since, group.count, data)


def _untold_concern(overview: Overview, groups: Sequence[EndingCount], state: State, severity: Severity) -> Concern:
    count, since = _sum(groups), min(group.since for group in groups)
    failed = state is State.FAILED
    fate = "failed" if failed else "ran out of time before they were sent"
    causes = f": {_name_codes(groups)}" if failed else ""
    kinds = ", ".join(sorted({as_words(group.kind) for group in groups}))
    at_least = "At least " if count >= NEWEST else ""
    text = f"{at_least}{count_noun(count, 'operation')} ({kinds}) {fate} since"
    text += f" {format_moment(since, overview.at, seconds=False)}, and the CRM has not been told{causes}."
    advice = "`vitec-sync list --state " + state.value + "` shows which. To tell the CRM, so that it mends them:"
    data = {"kinds": sorted({group.kind for group in groups}), "codes": _codes(groups)}
    return Concern("failed" if failed else "expired", severity, text, advice, _TELL, since, count, data)


def _sum(groups: Sequence[EndingCount]) -> int:
    return sum(group.count for group in groups)


def _codes(groups: Sequence[EndingCount]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for group in groups:
        counts[group.code or "no code"] += group.count
    return dict(counts.most_common())


def _name_codes(groups: Sequence[EndingCount]) -> str:
    return ", ".join(f"{count} {as_words(code)}" for code, count in _codes(groups).items())
