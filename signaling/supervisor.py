"""Keeps the workers of one server alive: starts, watches, replaces and ends them.

``server.py --workers N`` turns into this program, which holds the listening sockets and nothing
heavy. Each worker is a process of its own; one that dies takes its own sessions only.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from core.errors import LobbyLensError, SettingsError
from core.log import Log, setup_logging
from core.settings import Settings
from media.processors import usable_processors
from signaling import tls
from signaling.assignment import Assignment, new_label_key, send
from signaling.board import Board
from signaling.keeping.deletions import Deletions
from signaling.misspelt import load_or_explain, warn_of_misspelt

_log = Log("supervisor")
_PROGRAM = Path(__file__).resolve().parent.parent / "server.py"
_LOOK_EVERY_S = 0.1
_BACK_OFF_S = (0.2, 1, 3, 10, 30)
_PROVEN_S = 60
"""A worker that has lived so long is replaced at once again."""
_SILENT_S = 30
"""A worker whose event loop has not turned for so long serves nobody."""
_SILENT_LOOKS = 20
"""Of all processes that were halted together the supervisor may be the first to go on."""
_ENDS_WITHIN_S = 15
_UNUSABLE = 2
"""The exit status for a configuration or installation that is wrong."""


def worker_count(settings: Settings) -> int:
    """As set, or one for each processor that this process may use."""
    return settings.workers or math.ceil(usable_processors())


def announce(scheme: str, host: str, port: int) -> None:
    """Tell where the server is found, a line for each address."""
    for name in tls.reachable_hosts(host):
        named = f"[{name}]" if ":" in name else name
        sys.stdout.write(f"LobbyLens serves {scheme}://{named}:{port}/\n")
    sys.stdout.flush()


@contextlib.contextmanager
def binding(host: str, port: int) -> Iterator[None]:
    """Around what makes a server listen: raises SettingsError that names where, and by which
    settings that can be changed."""
    try:
        yield
    except (OSError, UnicodeError) as error:
        # asyncio tells of addresses at length; a host that is not found has no error of the system.
        number, told = getattr(error, "errno", None), getattr(error, "strerror", None)
        reason = os.strerror(number) if number and number > 0 else told or "no name of a host"
        raise SettingsError(f"--host {host} --port {port}: {reason}") from None


def listen(host: str, port: int) -> list[socket.socket]:
    """Listening sockets on every address of ``host``. Raises SettingsError.

    The workers share them rather than each binding the port (SO_REUSEPORT): the kernel would
    hand connections to one that has just died, and a second server on this port would go unseen.
    """
    with binding(host, port):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        return [
            socket.create_server(address[:2], family=family, backlog=1024)
            for family, _, _, _, address in dict.fromkeys(found)
        ]


class Worker:
    """One place among the workers, and the process that fills it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self._failures = 0
        self._silent_looks = 0
        self._lifeline = -1
        self._began_s = self._due_s = 0.0

    def start(self, supervisor: Supervisor) -> None:
        """Raises OSError where there is no room for another process."""
        reading, self._lifeline = os.pipe()
        try:
            assignment = supervisor.assignment(self.number, reading)
            send(assignment, self._lifeline)
            shared = reading, assignment.board, assignment.deletions
            self.process = subprocess.Popen(
                [sys.executable, str(_PROGRAM), "worker", str(reading)],
                stdin=subprocess.DEVNULL,
                pass_fds=(*shared, *assignment.listening),
                # A Ctrl-C is for the supervisor, which then ends the workers in good order.
                process_group=0,
            )
        except OSError:
            os.close(self._lifeline)
            raise
        finally:
            os.close(reading)
        self._began_s = time.monotonic()
        _log.info("worker started", worker=self.number, pid=self.process.pid)

    def tend(self, supervisor: Supervisor, now_s: float) -> None:
        """Replace the process if it has ended, end it if it hangs."""
        if self.process is None:
            if now_s >= self._due_s:
                self._replace(supervisor, now_s)
            return
        status = self.process.poll()
        if status is None:
            beat_s = supervisor.board.row(self.number).beat_s
            silent = beat_s and now_s - beat_s > _SILENT_S
            self._silent_looks = self._silent_looks + 1 if silent else 0
            if self._silent_looks > _SILENT_LOOKS:
                _log.error("x worker hangs", worker=self.number)
                self.process.kill()
            return
        self.forget()
        supervisor.board.clear(self.number, self.restarts)
        self._failures = 0 if now_s - self._began_s > _PROVEN_S else self._failures + 1
        wait_s = self._wait(now_s)
        _log.error("x worker ended", worker=self.number, status=status, again_in_s=wait_s)

    def _replace(self, supervisor: Supervisor, now_s: float) -> None:
        """Start the next process. A machine that has no room for it just now, as after one was
        killed for memory, may have it soon: the other workers go on meanwhile."""
        supervisor.board.clear(self.number, self.restarts + 1)
        try:
            self.start(supervisor)
        except OSError as error:
            self._failures += 1
            wait_s, reason = self._wait(now_s), errno.errorcode.get(error.errno or 0, "unknown")
            _log.error(
                "x worker does not start", worker=self.number, error=reason, again_in_s=wait_s
            )
        else:
            self.restarts += 1

    def _wait(self, now_s: float) -> float:
        """Seconds until the next process is started, by the failures so far."""
        wait_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S)) - 1] if self._failures else 0
        self._due_s = now_s + wait_s
        return wait_s

    def forget(self) -> None:
        self.process = None
        os.close(self._lifeline)


class Supervisor:
    """``run`` is its whole life."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._count = worker_count(settings)
        self._told = self._announced = False
        self._label_key = new_label_key()

    def assignment(self, worker: int, lifeline: int) -> Assignment:
        return Assignment(
            settings=self._settings,
            worker=worker,
            workers=self._count,
            listening=tuple(each.fileno() for each in self._listening),
            board=self.board.fd,
            deletions=self._deletions.fd,
            folder=self._folder,
            lifeline=lifeline,
            certificate=self._certificate,
            again=self._announced,
            label_key=self._label_key,
        )

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; the exit status. Raises LobbyLensError, OSError."""
        settings = self._settings
        self._certificate = None
        if settings.tls == "self-signed":
            self._certificate = tls.self_signed_pem(settings.host)
        with contextlib.ExitStack() as stack:
            # Only this user may enter it, so that what comes through its sockets is from us.
            self._folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="lobbylens-"))
            )
            self._listening = listen(settings.host, settings.port)
            for each in self._listening:
                stack.enter_context(each)
            self.board = Board.create(self._count)
            stack.callback(self.board.close)
            self._deletions = Deletions.create()
            stack.callback(self._deletions.close)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._tell)
            workers = [Worker(number) for number in range(self._count)]
            try:
                for worker in workers:
                    worker.start(self)
                return self._watch(workers)
            finally:
                self._end(workers)

    def _tell(self, *_: object) -> None:
        self._told = True

    def _watch(self, workers: list[Worker]) -> int:
        while not self._told:
            now_s = time.monotonic()
            if not self._announced:
                # What is wrong with one at the start is wrong with all; it has said what.
                for worker in workers:
                    if worker.process and worker.process.poll() == _UNUSABLE:
                        return _UNUSABLE
                if all(row.beat_s for row in self.board.rows()):
                    self._announced = True
                    scheme = "http" if self._settings.tls == "off" else "https"
                    host, port = self._listening[0].getsockname()[:2]
                    announce(scheme, host, port)
            for worker in workers:
                worker.tend(self, now_s)
            time.sleep(_LOOK_EVERY_S)
        _log.info("shutting down", workers=self._count)
        return 0

    def _end(self, workers: list[Worker]) -> None:
        """Tell all, give captures under way their time, and end whoever is left."""
        running = [worker for worker in workers if worker.process is not None]
        for worker in running:
            assert worker.process is not None
            worker.process.terminate()
        deadline_s = time.monotonic() + self._settings.signaling.drain_timeout_s + _ENDS_WITHIN_S
        for worker in running:
            assert worker.process is not None
            try:
                worker.process.wait(timeout=max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                _log.error("x worker does not end", worker=worker.number)
                worker.process.kill()
                worker.process.wait()
            worker.forget()


def main(arguments: list[str]) -> int:
    """The exit status: 0, or 2 when the configuration or the installation is wrong."""
    try:
        settings = load_or_explain(arguments)
        setup_logging(settings.log_level, settings.log_format, "supervisor")
        warn_of_misspelt()
        return Supervisor(settings).run()
    except (LobbyLensError, OSError) as error:
        reason = error.message if isinstance(error, LobbyLensError) else error.strerror
        sys.stderr.write(f"lobbylens: cannot serve: {reason}\n")
        return _UNUSABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
