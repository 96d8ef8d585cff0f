"""Rules that hold between the kinds in `KINDS`: none makes the exports of another ambiguous."""

import itertools

from worker.kinds import KINDS


def test_no_file_fits_two_kinds() -> None:
    """Where the headings of one file may fit two kinds, one of them must not be inferred: `inferred = False`."""
    inferred = [kind for kind in KINDS if kind.inferred]
    for first, second in itertools.combinations(inferred, 2):
        fields = (*first.model_fields.items(), *second.model_fields.items())
        needed = {name for name, field in fields if field.is_required()}
        assert not needed <= first.model_fields.keys() & second.model_fields.keys(), (first.kind, second.kind)


def test_a_heading_means_the_same_in_every_kind() -> None:
    meanings: dict[str, set[str]] = {}
    for kind in KINDS:
        for heading, field in kind.headings.items():
            meanings.setdefault(heading, set()).add(field)
    assert {heading: fields for heading, fields in meanings.items() if len(fields) > 1} == {}
