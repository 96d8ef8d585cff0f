"""All guards, in the order of the rules."""

from tests.guards import (
    of_answers,
    of_bytes,
    of_capacity,
    of_claims,
    of_evidence,
    of_exchanges,
    of_feeds,
    of_kept_answers,
    of_lanes,
    of_logins,
    of_look_ups,
    of_outages,
    of_results,
    of_sequences,
    of_table,
)

GUARDS = tuple(
    sorted(
        (
            *of_lanes.GUARDS,
            *of_capacity.GUARDS,
            *of_logins.GUARDS,
            *of_claims.GUARDS,
            *of_exchanges.GUARDS,
            *of_answers.GUARDS,
            *of_kept_answers.GUARDS,
            *of_bytes.GUARDS,
            *of_evidence.GUARDS,
            *of_look_ups.GUARDS,
            *of_outages.GUARDS,
            *of_sequences.GUARDS,
            *of_table.GUARDS,
            *of_feeds.GUARDS,
            *of_results.GUARDS,
        ),
        key=lambda guard: guard.rule,
    )
)
