"""Threads that share their work do not share a processor core, if there is another."""

import os

import pytest

from handgrad import threads
from handgrad.plans import workers
from handgrad.plans.workers import Workers


def test_a_thread_moves_away_from_a_core_that_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[set[int]] = []
    monkeypatch.setattr(threads, "core", lambda: 3)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 3, 5}, raising=False)
    monkeypatch.setattr(
        os, "sched_setaffinity", lambda _, cores: calls.append(set(cores)), raising=False
    )
    threads.move_away([2, 4])
    assert calls == []
    threads.move_away([1, 3])
    assert calls == [{5}, {1, 3, 5}]
    threads.move_away([1, 3, 5])
    assert calls == [{5}, {1, 3, 5}]  # there is no other


def test_who_does_not_know_its_core_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "who_tells_the_core", lambda: None)
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    assert threads.core() == -1
    threads.move_away([workers.NOWHERE])


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="this system does not tell a thread's core"
)
def test_workers_begin_on_cores_of_their_own_and_may_move_later() -> None:
    usable = os.sched_getaffinity(0)
    team, may = Workers(2), list[set[int]]()
    for _ in range(20):
        team.run(lambda _: may.append(os.sched_getaffinity(0)))
        cores = team._here().cores
        assert len(usable) == 1 or cores[0] != cores[1]
    assert may == [usable] * 40
