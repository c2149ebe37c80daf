"""Long work in steps: what share of the whole its parts are, and that progress follows from that."""

import pytest

from photo_pose.inference.steps import Counted, Steps, counted, finish, shares, within


def halves(result: str) -> Steps[str]:
    yield 0.5
    yield 1.0
    return result


def test_items_share_a_range_evenly_and_without_gaps():
    items, parts = zip(*shares(iter("abc"), 0.2, 0.5), strict=True)
    assert items == ("a", "b", "c")
    assert parts == ((0.2, pytest.approx(0.3)), (pytest.approx(0.3), pytest.approx(0.4)), (pytest.approx(0.4), 0.5))
    assert all(end == start for (_, end), (start, _) in zip(parts, parts[1:], strict=False))


@pytest.mark.parametrize(("count", "end"), [(1, 1.0), (3, 1.0), (7, 0.7)])
def test_the_last_share_ends_the_range_exactly(count, end):
    parts = [part for _item, part in shares(range(count), 0.1, end)]
    assert parts[0][0] == 0.1 and parts[-1][1] == end and len(parts) == count


def test_nothing_has_no_share():
    assert list(shares([])) == []


def test_steps_within_their_shares_go_through_the_whole_range():
    def steps() -> Steps[list[str]]:
        found = []
        for item, part in shares({"a": 1, "b": 2}, 0.2, 0.6):
            found.append((yield from within(halves(item), *part)))
        return found

    told: list[float] = []
    assert finish(steps(), told.append) == ["a", "b"]
    assert told == pytest.approx([0.3, 0.4, 0.5, 0.6])


def test_what_is_counted_stays_so_within_a_whole():
    def views() -> Steps[None]:
        yield Counted(0.5, "Views of Chair", 10, 20)

    (told,) = within(views(), 0.2, 0.6, "Model 3 of 17: ")
    assert told == pytest.approx(0.4)
    assert (told.what, told.done, told.count) == ("Model 3 of 17: Views of Chair", 10, 20)


def test_steps_of_one_of_several_are_counted():
    told = list(within(counted(halves("a"), "Photos", 2, 3), 0.5, 1.0))
    assert told == pytest.approx([0.75, 1.0])
    assert {(step.what, step.done, step.count) for step in told} == {("Photos", 2, 3)}
