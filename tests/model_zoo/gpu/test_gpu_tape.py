"""Lanes: whoever depends on another comes after it, whatever else runs meanwhile."""

from hypothesis import given
from hypothesis import strategies as st

from interim.model_zoo.gpu.tape import Launch, Placed, lanes, segments

memory = st.frozensets(st.integers(0, 5), max_size=3)
launches = st.lists(
    st.builds(
        Launch,
        run=st.just(lambda: None),
        reads=memory,
        writes=memory.filter(bool),
        work=st.integers(0, 9),
    ),
    max_size=14,
)


def before(placed: list[Placed]) -> list[set[int]]:
    """By launch: all that have surely ended before it begins."""
    surely: list[set[int]] = []
    tails: dict[int, int] = {}
    for number, each in enumerate(placed):
        direct = [*each.waits, *([tails[each.lane]] if each.lane in tails else [])]
        surely.append({*direct, *(old for one in direct for old in surely[one])})
        tails[each.lane] = number
    return surely


@given(launches=launches, count=st.integers(1, 4))
def test_nothing_overtakes_what_it_depends_on(launches: list[Launch], count: int) -> None:
    """Readers come after the writer before them, writers after readers and writers."""
    placed = lanes(launches, count)
    assert [each.launch for each in placed] == launches
    assert all(each.lane < count for each in placed)
    surely = before(placed)
    for late, b in enumerate(launches):
        for early, a in enumerate(launches[:late]):
            if a.writes & (b.reads | b.writes) or a.reads & b.writes:
                assert early in surely[late]


@given(launches=launches)
def test_one_lane_waits_for_nobody(launches: list[Launch]) -> None:
    """It runs in order."""
    assert all(not each.waits and each.lane == 0 for each in lanes(launches, 1))


def test_branches_run_beside_each_other_and_meet() -> None:
    """Two chains of two and a launch that reads both: two lanes, one wait."""

    def launch(reads: set[int], writes: int) -> Launch:
        return Launch(run=lambda: None, reads=frozenset(reads), writes=frozenset({writes}))

    chains = [launch({0}, 1), launch({1}, 2), launch({0}, 3), launch({3}, 4), launch({2, 4}, 5)]
    placed = lanes(chains, 4)
    assert [each.lane for each in placed] == [0, 0, 1, 1, 1]
    assert [each.waits for each in placed] == [(), (), (), (), (1,)]


@given(launches=launches, work=st.integers(1, 20))
def test_segments_are_the_launches_in_order(launches: list[Launch], work: int) -> None:
    """None is empty, and none goes on once it has enough work."""
    parts = segments(launches, work)
    assert [each for part in parts for each in part] == launches
    for part in parts:
        assert sum(each.work for each in part[:-1]) < work
