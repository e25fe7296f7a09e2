"""Connections from which no stream came are counted, each once."""

from modelfleet.xds.arrivals import MOST_PEERS, PATIENCE_S, Arrivals


class Clock:
    """Time that a test moves on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def over(self) -> None:
        """So long that whoever has not asked will not."""
        self.now += PATIENCE_S + 1


def test_who_asks_is_not_lost_and_who_does_not_is_after_a_while() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    arrivals.begun()
    arrivals.came("ipv4:10.0.0.1:1")
    arrivals.begun()
    assert arrivals.lost() == 0
    clock.over()
    assert [arrivals.lost(), arrivals.lost()] == [1, 1]


def test_a_second_stream_of_a_connection_stands_for_no_other() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    for _ in range(2):
        arrivals.begun()
        arrivals.came("ipv4:10.0.0.1:1")
    clock.over()
    assert arrivals.lost() == 1


def test_it_never_shrinks_though_others_arrive() -> None:
    clock = Clock()
    arrivals = Arrivals(clock)
    arrivals.begun()
    clock.over()
    assert arrivals.lost() == 1
    for number in range(5):
        arrivals.begun()
        arrivals.came(f"ipv4:10.0.0.1:{number}")
    assert arrivals.lost() == 1
    clock.over()
    assert arrivals.lost() == 1
    arrivals.begun()
    clock.over()
    assert arrivals.lost() == 2


def test_what_is_remembered_has_an_end() -> None:
    arrivals = Arrivals(Clock())
    for number in range(MOST_PEERS + 5):
        arrivals.came(f"ipv4:10.0.0.1:{number}")
    assert len(arrivals._peers) == MOST_PEERS
