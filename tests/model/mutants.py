"""The protocol with one guard taken out, or with one assumption about Vitec broken; each must be found out."""

from dataclasses import dataclass, replace
from functools import cache

from tests.model.search import Explored, Found, explore
from tests.model.words import Rules

SOUND = (
    ("one row, three attempts, two workers", Rules()),
    ("one row, two attempts, a lease of two ticks", Rules(attempts=2, lease=2)),
    ("two rows that read back alike, two attempts, one worker", Rules(rows=2, attempts=2, workers=1)),
)
"""The sizes in which the protocol itself is tried."""

LARGEST = ("two rows that read back alike, two attempts, two workers", Rules(rows=2, attempts=2))
"""Too large for every day: some minutes."""

_ALIKE = SOUND[-1][1]


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is different. `guards`: what the rule is there for, in one sentence. `only`: what it must end in."""

    name: str
    rules: Rules
    guards: str
    only: str | None = None


TWICE = "Vitec acted twice"

MUTANTS = (
    Mutant(
        "send before the claim is committed",
        Rules(claims_before_writing=False),
        "A worker that dies between the two leaves bytes of which the database knows nothing.",
        TWICE,
    ),
    Mutant(
        "resend in doubt",
        Rules(resends_in_doubt=True),
        "No answer is not the same as nothing done.",
        TWICE,
    ),
    Mutant(
        "no quiet time",
        Rules(quiet=0),
        "Vitec may still be at work on the request when it is asked.",
        TWICE,
    ),
    Mutant(
        "the quiet time counts from the claim",
        Rules(quiet_from_claim=True, lease=2),
        "Bytes may be written until the lease ends, so it counts from there.",
        TWICE,
    ),
    Mutant(
        "one look-up is enough",
        Rules(look_ups_needed=1),
        "What is read back may be older than the quiet time allows for; the second look-up adds the gap to it.",
        TWICE,
    ),
    Mutant(
        "a look-up counts whatever has happened since",
        Rules(compares_look_up=False),
        "What a paused worker saw may be about an earlier attempt.",
        TWICE,
    ),
    Mutant(
        "no dead man's switch",
        Rules(switch=False),
        "A paused worker that wakes after its lease writes what others have long looked up or sent again.",
        TWICE,
    ),
    Mutant(
        "a settlement does not name its attempt",
        Rules(compares_attempt=False),
        "What a paused worker knows of an earlier attempt would settle one whose request is under way.",
        TWICE,
    ),
    Mutant(
        "no token check",
        Rules(compares_token=False),
        "Two turns would work at one lane: pace, numbers in flight and whose rows are whose would be lost.",
    ),
    Mutant(
        "rescue raises no token, and claims do not look at the lease",
        Rules(rescue_raises_token=False, compares_lease=False),
        "Either of the two tells a paused turn that it was declared dead; without both it works on.",
    ),
    Mutant(
        "leave to send again never grows old",
        Rules(leave_grows_old=False),
        "Somebody may have done it by hand since Vitec was asked.",
    ),
    Mutant(
        "the match key is ignored",
        replace(_ALIKE, minds_match_key=False),
        "A read-back does not say whose work it shows; one like it may be under way.",
        "a success that never was",
    ),
    Mutant(
        "nothing rescues, and no turn clears what it finds",
        Rules(rescues=False, clears=False),
        "What a dead worker had in flight would stay there for ever.",
        "something is forgotten",
    ),
    Mutant(
        "an assumption broken: Vitec acts later than quiet time and gap",
        Rules(late=4, stale=0),
        "The quiet time must be longer than any request can run at Vitec.",
        TWICE,
    ),
    Mutant(
        "an assumption broken: a look-up is staler than quiet time and gap",
        Rules(late=0, stale=5),
        "A look-up must not show an older state than the quiet time and the gap allow for.",
        TWICE,
    ),
    Mutant(
        "an assumption broken: each is shorter than the quiet time, both together are not",
        Rules(quiet=4, late=3, stale=3),
        "It is the sum that counts: how late Vitec may act, and how long until a look-up shows it.",
        TWICE,
    ),
)


@cache
def caught(mutant: Mutant) -> Found | None:
    """The shortest history that finds the mutant out; None: it survives."""
    return explore(mutant.rules, only=mutant.only).found


@cache
def sound(rules: Rules) -> Explored:
    """All histories of the protocol itself."""
    return explore(rules)
