"""What a process and its children take of the machine, from Linux' /proc (proc_pid_stat(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """``cpu_s``: processor time used so far; ``machine_s``: by everybody on this machine;
    ``rss_mb``: memory held; ``threads``, ``sockets``: open now."""

    cpu_s: float
    machine_s: float
    rss_mb: float
    threads: int
    sockets: int


def usage(pid: int) -> Usage:
    """Of the process and all below it. Raises FileNotFoundError when it has ended."""
    cpu_s = rss_mb = 0.0
    threads = sockets = 0
    for member in family(pid):
        fields = _stat(member)
        cpu_s += (int(fields[11]) + int(fields[12])) / _TICKS_PER_S
        threads += int(fields[17])
        rss_mb += int(fields[21]) * _PAGE_BYTES / 1e6
        sockets += _sockets(member)
    return Usage(cpu_s, _machine_s(), rss_mb, threads, sockets)


def family(pid: int) -> list[int]:
    """A process and its descendants."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
            except OSError:
                continue  # ended meanwhile
    found = [pid]
    for member in found:
        found += parents.get(member, [])
    return found


def _stat(pid: int) -> list[str]:
    """Fields from the third on: a program's name may hold spaces and brackets."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _sockets(pid: int) -> int:
    count = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            count += str(entry.readlink()).startswith("socket:")
        except OSError:
            continue  # closed meanwhile
    return count


def _machine_s() -> float:
    """Processor time of all, idle and waiting left out."""
    numbers = [int(word) for word in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
    return (sum(numbers) - numbers[3] - numbers[4]) / _TICKS_PER_S
