"""How many processors this process may use: by its affinity, and by its control groups' quota.

A container has all processors of its machine in sight, however few it was given: by ``taskset`` or
``--cpuset-cpus`` as an affinity, by ``--cpus`` or ``CPUQuota=`` as a quota of their time.
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

_GROUPS = Path("/sys/fs/cgroup")
_OWN_GROUP = Path("/proc/self/cgroup")


def usable_processors() -> float:
    """A fraction where a quota grants one; never 0. Reads files, so not for an event loop."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    group = PurePosixPath(group_of(_text(_OWN_GROUP))).relative_to("/")
    # A quota holds for all groups within, and a container may see its own as the outermost.
    quotas = (quota_of(_text(_GROUPS / each / "cpu.max")) for each in (group, *group.parents))
    return min([count, *(quota for quota in quotas if quota is not None)])


def group_of(cgroup: str) -> str:
    """The group's path, of ``/proc/self/cgroup``; the outermost where it is not in sight."""
    for line in cgroup.splitlines():
        # Of version 2; those of version 1 have numbers and names of what they limit.
        if line.startswith("0::/") and ".." not in line:
            return line.removeprefix("0::")
    return "/"


def quota_of(cpu_max: str) -> float | None:
    """Processors by a group's ``cpu.max``, "QUOTA PERIOD" in microseconds; None for no quota."""
    match cpu_max.split():
        case [quota, period] if quota.isdecimal() and period.isdecimal():
            return int(quota) / int(period) if int(quota) and int(period) else None
        case _:
            return None


def _text(path: Path) -> str:
    """Empty where it cannot be read."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
