"""Mutants: the protocol without one of its rules, or with one assumption about Vitec broken. Each must be caught."""

from dataclasses import dataclass, replace
from functools import cache

from tests.model.search import Counterexample, SearchResult, explore
from tests.model.state import Rules

SOUND = (
    ("one row, three attempts, two workers", Rules()),
    ("one row, two attempts, a lease of two ticks", Rules(attempts=2, lease=2)),
    ("two rows that read back alike, two attempts, one worker", Rules(rows=2, attempts=2, workers=1)),
)
"""Sizes in which the sound protocol is searched completely."""

LARGEST = ("two rows that read back alike, two attempts, two workers", Rules(rows=2, attempts=2))
"""Searched only with `--long`: it takes minutes."""

_ALIKE = SOUND[-1][1]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed protocol. `reason`: why the rule stands, in one sentence. `ends_in`: the promise that it must break."""

    name: str
    rules: Rules
    reason: str
    ends_in: str | None = None


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
        "A request without an answer may have been carried out.",
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
        "A look-up may show a state older than the quiet time allows for; the second look-up adds the gap to it.",
        TWICE,
    ),
    Mutant(
        "a look-up is written though the row has changed",
        Rules(compares_look_up=False),
        "A paused worker's look-up may be about an earlier attempt.",
        TWICE,
    ),
    Mutant(
        "no dead man's switch",
        Rules(switch=False),
        "A paused worker that wakes after its lease writes a request that others have long looked up or sent again.",
        TWICE,
    ),
    Mutant(
        "a settlement does not name its attempt",
        Rules(compares_attempt=False),
        "A paused worker's answer to an earlier attempt would settle a later one whose request is under way.",
        TWICE,
    ),
    Mutant(
        "no token check",
        Rules(compares_token=False),
        "Two turns would work at one lane, and neither the pace nor the number in flight nor a row's owner would hold.",
    ),
    Mutant(
        "rescue raises no token, and claims do not look at the lease",
        Rules(rescue_raises_token=False, compares_lease=False),
        "Either of the two tells a paused turn that it was declared dead; without both it works on.",
    ),
    Mutant(
        "the resend permission never expires",
        Rules(permission_expires=False),
        "A person may have done it by hand since Vitec was asked.",
    ),
    Mutant(
        "the match key is ignored",
        replace(_ALIKE, compares_match_key=False),
        "A read-back does not name the operation that it shows; one that reads back alike may be under way.",
        "a success that never was",
    ),
    Mutant(
        "by Vitec's clock an act before the attempt is none of it",
        Rules(believes_vitecs_clock=True),
        "That clock may be behind, in another zone, or cut to the day; so one that may be older proves nothing.",
        TWICE,
    ),
    Mutant(
        "no rescue, and no turn clears the rows it finds in flight",
        Rules(rescues=False, turn_clears_lane=False),
        "Rows that a dead worker had in flight would stay there for ever.",
        "something is forgotten",
    ),
    Mutant(
        "an assumption broken: Vitec acts later than quiet time and gap",
        Rules(acts_within=4, shows_within=0),
        "The quiet time must be longer than any request can run at Vitec.",
        TWICE,
    ),
    Mutant(
        "an assumption broken: a look-up is staler than quiet time and gap",
        Rules(acts_within=0, shows_within=5),
        "A look-up must not show an older state than the quiet time and the gap allow for.",
        TWICE,
    ),
    Mutant(
        "an assumption broken: each is shorter than the quiet time, both together are not",
        Rules(quiet=4, acts_within=3, shows_within=3),
        "The limit is for the sum: how late Vitec may act, and how long until a look-up shows it.",
        TWICE,
    ),
)


@cache
def counterexample_of(mutant: Mutant) -> Counterexample | None:
    """The shortest history in which the mutant breaks a promise; None: it survives."""
    return explore(mutant.rules, only=mutant.ends_in).counterexample


@cache
def search_protocol(rules: Rules) -> SearchResult:
    """Search all histories of the protocol with these rules."""
    return explore(rules)
