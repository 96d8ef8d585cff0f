"""The room: living turns share what the environment allows at once."""

from tests.outbox.steps import RETRY, TERMS, begin, claim, done, make
from worker.outbox import Outbox, lanes
from worker.outbox.exchange import exchange


def test_living_turns_share_what_the_environment_allows(box: Outbox) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(box, customer_id=customer)
    first, second = begin(box), begin(box)
    assert [len(claim(box, turn).claimed) for turn in (first, second, first, second)] == [3, 2, 0, 0]


def test_a_turn_that_has_more_than_its_share_gives_way_as_its_requests_end(box: Outbox) -> None:
    for customer in ("M30001", "M30002"):
        for _ in range(9):
            make(box, customer_id=customer)
    first = begin(box)
    sent = claim(box, first).claimed
    second = begin(box)
    assert [len(sent), len(claim(box, second).claimed)] == [5, 0]
    finished = [done(one, RETRY) for one in sent[:3]]
    assert len(exchange(box, first, finished, 9, TERMS).claimed) == 1
    assert len(claim(box, second).claimed) == 2


def test_the_share_of_a_turn_that_has_ended_goes_to_the_others(box: Outbox) -> None:
    make(box, customer_id="M30001")
    for _ in range(9):
        make(box, customer_id="M30002")
    first, second = begin(box), begin(box)
    assert [len(claim(box, first).claimed), len(claim(box, second).claimed)] == [1, 2]
    lanes.release(box, first)
    assert len(claim(box, second).claimed) == 2
