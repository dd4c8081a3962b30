"""How many processors this process may use: affinity and the control groups' quota."""

from __future__ import annotations

from pathlib import Path

import pytest

from media import processors
from media.processors import group_of, quota_of, usable_processors


@pytest.mark.parametrize(
    ("cpu_max", "quota"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2.0),
        ("50000 100000", 0.5),
        ("1000 1000000", 0.001),
        ("150000", None),
        ("", None),
        ("max", None),
        ("many 100000", None),
        ("0 100000", None),
        ("-1 100000", None),
        ("50000 0", None),
    ],
)
def test_what_a_quota_says(cpu_max: str, quota: float | None) -> None:
    assert quota_of(cpu_max) == quota


@pytest.mark.parametrize(
    ("cgroup", "group"),
    [
        ("0::/\n", "/"),
        ("0::/system.slice/lobbylens.service\n", "/system.slice/lobbylens.service"),
        ("9:name=systemd:/a\n1:cpu:/b\n0::/c:d\n", "/c:d"),
        ("0::/../../elsewhere\n", "/"),
        ("1:cpu:/b\n", "/"),
        ("", "/"),
    ],
)
def test_which_group_a_process_is_in(cgroup: str, group: str) -> None:
    assert group_of(cgroup) == group


class Machine:
    """Its files of control groups, and its affinity to four processors."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._groups, self._own = folder / "groups", folder / "cgroup"
        self._groups.mkdir()
        monkeypatch.setattr(processors, "_GROUPS", self._groups)
        monkeypatch.setattr(processors, "_OWN_GROUP", self._own)
        monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 2, 4, 6})

    def runs_in(self, group: str) -> None:
        self._own.write_text(f"0::{group}\n")

    def grants(self, group: str, cpu_max: str) -> None:
        folder = self._groups / group.strip("/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(cpu_max)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_without_readable_files_the_affinity_counts(machine: Machine) -> None:
    assert usable_processors() == 4


def test_without_an_affinity_all_processors_count(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 6)
    assert usable_processors() == 6
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert usable_processors() == 1


def test_the_smaller_of_affinity_and_quota_counts(machine: Machine) -> None:
    machine.runs_in("/house/desk")
    machine.grants("/house/desk", "50000 100000")
    assert usable_processors() == 0.5
    machine.grants("/house/desk", "900000 100000")
    assert usable_processors() == 4


def test_a_quota_holds_for_all_groups_within(machine: Machine) -> None:
    machine.runs_in("/house/desk")
    machine.grants("/house/desk", "max 100000")
    machine.grants("/house", "150000 100000")
    machine.grants("/", "300000 100000")
    assert usable_processors() == 1.5


def test_a_container_that_sees_only_its_own_group_is_found(machine: Machine) -> None:
    machine.runs_in("/docker/0123abcd")
    machine.grants("/", "200000 100000")
    assert usable_processors() == 2
