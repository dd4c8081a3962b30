"""When the supervisor replaces a worker, with a process that is none."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from core.errors import SettingsError
from core.settings import load_settings
from server import own_names
from signaling import tls
from signaling.assignment import Assignment
from signaling.board import Board
from signaling.supervisor import Supervisor, Worker, listen, worker_count

NO_PROCESS = BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
"""What a fork says where there is no room for another process."""


class FakeProcess:
    def __init__(self) -> None:
        self.status: int | None = None

    def poll(self) -> int | None:
        return self.status

    def kill(self) -> None:
        self.status = -9


class FakeSupervisor:
    """Starts processes that live until told otherwise, and keeps the times of their starts."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.starts: list[float] = []
        self.refusals: list[float] = []
        self.refuses_until_s = 0.0
        self.now_s = 1000.0
        self.process = FakeProcess()

    def start(self, worker: Worker) -> None:
        if self.now_s < self.refuses_until_s:
            self.refusals.append(self.now_s)
            raise NO_PROCESS
        self.starts.append(self.now_s)
        self.process = FakeProcess()
        worker.process = cast(Any, self.process)
        worker._lifeline, worker._began_s = os.dup(self.board.fd), self.now_s
        row = self.board.row(worker.number)
        self.board.write(worker.number, replace(row, pid=1, sessions=3, beat_s=self.now_s))

    def pass_time(self, worker: Worker, seconds: float, *, hangs: bool = False) -> None:
        for _ in range(round(seconds * 10)):
            self.now_s += 0.1
            row = self.board.row(0)
            if row.pid and not hangs:
                self.board.write(0, replace(row, beat_s=self.now_s))
            worker.tend(cast(Supervisor, self), self.now_s)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSupervisor]:
    board = Board.create(1)
    monkeypatch.setattr(Worker, "start", lambda worker, supervisor: supervisor.start(worker))
    yield FakeSupervisor(board)
    board.close()


def test_a_worker_that_keeps_dying_is_replaced_ever_later(fake: FakeSupervisor) -> None:
    worker = Worker(0)
    fake.start(worker)
    waits = []
    for _ in range(7):
        died_s, fake.process.status = fake.now_s, 1
        fake.pass_time(worker, 0.1)
        assert worker.process is None and fake.board.sessions == 0
        fake.pass_time(worker, 31)
        waits.append(round(fake.starts[-1] - died_s))
    assert waits == [0, 1, 3, 10, 30, 30, 30]
    assert fake.board.row(0).restarts == worker.restarts == 7
    fake.pass_time(worker, 61)
    fake.process.status = -9
    fake.pass_time(worker, 0.3)
    assert worker.process is not None, "one that has proven itself is replaced at once"


def test_a_worker_that_cannot_be_started_is_tried_again_ever_later(
    fake: FakeSupervisor, caplog: pytest.LogCaptureFixture
) -> None:
    worker = Worker(0)
    fake.start(worker)
    fake.pass_time(worker, 61)
    fake.process.status, fake.refuses_until_s = -9, fake.now_s + 60
    fake.pass_time(worker, 100)
    tries = [*fake.refusals, fake.starts[-1]]
    assert [round(b - a) for a, b in itertools.pairwise(tries)] == [0, 1, 3, 10, 30, 30]
    assert worker.process is not None and worker.restarts == 1
    assert fake.board.sessions == 3, "those of the new process alone"
    told = [each for each in caplog.records if each.message == "x worker does not start"]
    assert len(told) == len(fake.refusals)
    assert vars(told[0])["values"] == {"worker": 0, "error": "EAGAIN", "again_in_s": 0.2}


def test_a_start_that_fails_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    board, folder = Board.create(1), Path("/proc/self/fd")

    class Assigning:
        def assignment(self, worker: int, lifeline: int) -> Assignment:
            return Assignment(
                load_settings([]), worker, 1, (), board.fd, 0, Path(), lifeline, None, False, b""
            )

    def no_process(*_: object, **__: object) -> None:
        raise NO_PROCESS

    monkeypatch.setattr("signaling.supervisor.subprocess.Popen", no_process)
    before = len(list(folder.iterdir()))
    worker = Worker(0)
    for _ in range(3):
        with pytest.raises(BlockingIOError):
            worker.start(cast(Supervisor, Assigning()))
    assert len(list(folder.iterdir())) == before and worker.process is None
    board.close()


def test_a_worker_that_hangs_is_ended(fake: FakeSupervisor) -> None:
    worker = Worker(0)
    fake.start(worker)
    fake.pass_time(worker, 29, hangs=True)
    assert fake.process.status is None
    hanging = fake.process
    fake.pass_time(worker, 4, hangs=True)
    assert hanging.status == -9 and len(fake.starts) == 2


def test_a_worker_that_was_halted_with_its_supervisor_is_left_alone(fake: FakeSupervisor) -> None:
    """As by ``docker pause``: the clock went on, and nobody knows who goes on first."""
    worker = Worker(0)
    fake.start(worker)
    fake.now_s += 60
    fake.pass_time(worker, 0.5, hangs=True)
    fake.pass_time(worker, 60)
    assert fake.process.status is None and len(fake.starts) == 1


def test_a_worker_that_still_loads_is_left_alone(fake: FakeSupervisor) -> None:
    worker = Worker(0)
    fake.start(worker)
    fake.board.clear(0, 0)
    fake.pass_time(worker, 60)
    assert fake.process.status is None


def test_workers_share_deletions_and_the_key_of_labels_for_as_long_as_the_server_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[Assignment] = []

    def start(worker: Worker, supervisor: Supervisor) -> None:
        given.append(supervisor.assignment(worker.number, 0))

    def watch(supervisor: Supervisor, workers: list[Worker]) -> int:
        # One is replaced.
        workers[0].start(supervisor)
        return 0

    monkeypatch.setattr(Worker, "start", start)
    monkeypatch.setattr(Supervisor, "_watch", watch)
    monkeypatch.setattr("signaling.supervisor.signal.signal", lambda *_: None)
    for _ in range(2):
        Supervisor(load_settings(["--workers", "2", "--port", "0"])).run()
    assert [each.worker for each in given] == [0, 1, 0] * 2
    for run in (given[:3], given[3:]):
        assert len({each.deletions for each in run}) == len({each.label_key for each in run}) == 1
    keys = {each.label_key for each in given}
    assert len(keys) == 2 and not any(repr(key) in repr(given) for key in keys)


def test_a_worker_for_each_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for usable, workers in ((3, 3), (1.5, 2), (0.2, 1)):
        monkeypatch.setattr("signaling.supervisor.usable_processors", lambda usable=usable: usable)
        assert worker_count(load_settings(["--workers", "0"])) == workers
    assert worker_count(load_settings([])) == 1


def test_the_port_is_held_for_this_server_alone() -> None:
    (listening,) = listen("127.0.0.1", 0)
    with listening, pytest.raises(SettingsError, match="in use"):
        listen("127.0.0.1", listening.getsockname()[1])


def test_names_of_the_machine_and_of_the_certificate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "desk.lan")
    pem = tmp_path / "pem"
    pem.write_bytes(tls.self_signed_pem("kiosk.hotel.example"))
    pem = str(pem)
    settings = load_settings(["--tls", "files", "--tls-cert", pem, "--tls-key", pem])
    assert {"desk.lan", "desk", "desk.local", "kiosk.hotel.example"} <= set(own_names(settings))
    assert "kiosk.hotel.example" not in own_names(load_settings([]))
