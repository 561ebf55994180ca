"""A slow address holds up nobody but itself."""

import threading

from restoredrill.messages.lanes import Lanes


def test_work_of_several_names_is_done_at_once() -> None:
    both = threading.Barrier(2, timeout=30)

    def meet() -> None:
        both.wait()

    assert Lanes().run({"a": meet, "b": meet}, 30)
    assert not both.broken


def test_one_that_does_not_end_is_left_behind_and_not_begun_twice() -> None:
    go_on, done = threading.Event(), []
    lanes = Lanes()

    def slow() -> None:
        go_on.wait(30)
        done.append("slow")

    assert not lanes.run({"slow": slow, "quick": lambda: done.append("quick")}, 0.2)
    assert done == ["quick"]
    assert not lanes.run({"slow": slow, "quick": lambda: done.append("quick")}, 0.2)
    assert done == ["quick", "quick"]
    go_on.set()
    while not lanes.run({"slow": lambda: done.append("again")}, 30):
        pass
    assert done == ["quick", "quick", "slow", "again"]


def test_no_more_go_on_at_once_than_may_and_all_are_done_in_the_end() -> None:
    now, most, lock = [0], [0], threading.Lock()

    def work() -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        with lock:
            now[0] -= 1

    assert Lanes(at_once=2).run({str(number): work for number in range(50)}, 30)
    assert 1 <= most[0] <= 2
