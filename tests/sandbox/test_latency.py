"""A latency is written as people write it."""

import pytest

from worker.sandbox import Latency


@pytest.mark.parametrize(
    ("text", "latency"),
    [
        ("0", Latency(0, 0)),
        ("0.05", Latency(0.05, 0.05)),
        ("50ms", Latency(0.05, 0.05)),
        ("1s", Latency(1, 1)),
        ("20ms-80ms", Latency(0.02, 0.08)),
        ("20-80ms", Latency(0.02, 0.08)),
    ],
)
def test_a_latency_is_read(text: str, latency: Latency) -> None:
    assert Latency.parse(text) == latency


@pytest.mark.parametrize("text", ["", "soon", "-1", "80ms-20ms", "1m", "1s-", "nan"])
def test_an_unreadable_latency_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="latency"):
        Latency.parse(text)


def test_a_drawn_latency_lies_between_its_ends() -> None:
    assert [Latency(1, 3).draw(lambda: chance) for chance in (0.0, 0.5, 1.0)] == [1, 2, 3]  # noqa: B023
