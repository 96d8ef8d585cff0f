"""A key that comes again is found, with the line where it stood first."""

from worker.importing.seen_keys import SeenKeys


def test_a_repeated_key_is_found_with_its_first_line() -> None:
    with SeenKeys() as seen:
        assert seen.repeated([(("a", "1"), 2), (("a", "2"), 3), (("b", "1"), 4), (("a", "1"), 5)]) == {5: 2}
        assert seen.repeated([(("b", "1"), 6), (("c", "1"), 7)]) == {6: 4}
        assert seen.repeated([]) == {}
