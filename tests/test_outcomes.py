"""Every leaf of the error tree, judged by whether Vitec may have acted."""

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from models import HoldReason, Scope
from worker import errors
from worker.error_outcomes import outcome_of
from worker.errors import VitecError
from worker.kind.answers import accepted_in_doubt
from worker.outcome import ILL, Failed, Health, HoldWanted, InDoubt, Outcome, Retryable


def leaves(of: type[VitecError] = VitecError) -> Iterator[type[VitecError]]:
    below = of.__subclasses__()
    if not below:
        yield of
    yield from itertools.chain.from_iterable(map(leaves, below))


JUDGED: dict[VitecError, Outcome] = {
    errors.Unreachable("no route"): Retryable("unreachable", "no route", counts=False, health=Health.ILL),
    errors.Revoked("the lease"): Retryable("revoked", "the lease", counts=False),
    errors.Unsendable("bad path"): Retryable("unforeseen", "bad path"),
    errors.ForeignAnswer("407: a proxy", status=407): Retryable(
        "foreign_answer", "407: a proxy", counts=False, health=Health.FOREIGN
    ),
    errors.ForeignAnswer("404: a page", status=404, text="<html>"): Retryable(
        "foreign_answer", "404: a page: <html>", counts=False, health=Health.FOREIGN
    ),
    errors.ForeignPage("200: a page", status=200, text="<html>"): InDoubt(
        "foreign_answer", "200: a page: <html>", health=Health.FOREIGN
    ),
    errors.Barred("no", status=401, text="Login"): Retryable(
        "unauthorized", "Login", counts=False, hold=HoldWanted(Scope.GROUP, HoldReason.UNAUTHORIZED)
    ),
    errors.Barred("no", status=403): Retryable(
        "forbidden", None, counts=False, hold=HoldWanted(Scope.GROUP, HoldReason.FORBIDDEN)
    ),
    errors.Throttled("slow", status=429, retry_after=17): Retryable(
        "throttled", None, counts=False, hold=HoldWanted(Scope.ENVIRONMENT, HoldReason.THROTTLED, 17)
    ),
    errors.Throttled("slow", status=503): Retryable(
        "throttled", None, counts=False, hold=HoldWanted(Scope.ENVIRONMENT, HoldReason.THROTTLED, None)
    ),
    errors.Unanswered("cut"): InDoubt("unanswered", "cut", health=Health.ILL),
    errors.Unreadable("half", status=200): InDoubt("unreadable_answer", "half", accepted=True, health=Health.ILL),
    errors.ServerError("no", status=500, text="Fel"): InDoubt("server_error", "Fel", health=Health.ILL),
    errors.Redirected("away", status=302): InDoubt(
        "redirected", "away", hold=HoldWanted(Scope.ENVIRONMENT, HoldReason.REDIRECTED)
    ),
    errors.Conflict("no", status=409, text="Finns"): InDoubt("conflict", "Finns", health=Health.WELL),
    errors.Refused("no", status=400, text="Nej"): Failed("refused", "Nej"),
    errors.Refused("no", status=404): Failed("not_found", None),
    errors.Refused("no", status=410): Failed("not_found", None),
}


@pytest.mark.parametrize(("error", "outcome"), JUDGED.items(), ids=lambda case: type(case).__name__)
def test_every_error_is_judged_by_whether_vitec_may_have_acted(error: VitecError, outcome: Outcome) -> None:
    judged = outcome_of(error)
    assert (replace(judged, cause=None) if isinstance(judged, Retryable | InDoubt) else judged) == outcome


@pytest.mark.parametrize("error", JUDGED, ids=lambda case: type(case).__name__)
def test_a_failure_of_the_environment_names_its_cause_without_data(error: VitecError) -> None:
    outcome = outcome_of(error)
    if isinstance(outcome, Retryable | InDoubt):
        concerns_environment = outcome.hold is not None or outcome.health in ILL
        assert outcome.cause == (error.why if concerns_environment else None)


def test_no_leaf_of_the_error_tree_is_left_unjudged() -> None:
    assert {type(error) for error in JUDGED} == set(leaves())


def test_a_cut_answer_counts_like_a_senseless_one() -> None:
    """The circuit breaker must not depend on whether a proxy's page was cut short."""
    assert outcome_of(errors.Unreadable("half", status=200)) == accepted_in_doubt("half")


def test_a_branch_of_the_tree_is_no_fact() -> None:
    for branch in (errors.NoEffect, errors.VitecError):
        with pytest.raises(AssertionError, match="no leaf"):
            outcome_of(branch("?"))


def test_a_request_that_may_have_acted_is_never_retryable() -> None:
    for error, outcome in JUDGED.items():
        assert isinstance(outcome, Retryable) is isinstance(error, errors.NoEffect)
        assert isinstance(outcome, InDoubt) is isinstance(error, errors.EffectUnknown)
