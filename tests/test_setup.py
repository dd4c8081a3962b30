"""What a new user meets before anything runs: which step it is, and what to do where it fails."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def script(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def ci(name: str, *arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(ROOT / ".ci" / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **more},
    )


def test_this_python_will_do() -> None:
    found = ci("python", sys.executable)
    assert (found.returncode, found.stderr) == (0, "")


def test_an_old_python_is_named_and_so_is_the_way_on(tmp_path: Path) -> None:
    old = script(tmp_path / "python3", '[ "$1" = -V ] && echo "Python 3.9.2" && exit 0; exit 1')
    found = ci("python", old)
    assert found.returncode == 1
    assert "3.11 or newer" in found.stderr and "Python 3.9.2" in found.stderr
    assert "PYTHON=" in found.stderr


def test_no_python_at_all() -> None:
    found = ci("python", "python-of-nowhere")
    assert found.returncode == 1
    assert "no python-of-nowhere" in found.stderr


def test_without_the_network_it_is_said_that_this_step_needs_it(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    script(venv / "bin" / "python", 'echo "ERROR: no route to host" >&2; exit 1')
    found = ci("venv", sys.executable, venv, "requirements.txt")
    assert found.returncode == 1
    assert "installing the Python packages of requirements.txt" in found.stdout
    assert "no route to host" in found.stderr and "needs the network" in found.stderr


def test_half_an_environment_is_not_left_to_be_taken_for_one(tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    maker = script(
        tmp_path / "python3", f"mkdir -p {venv}/bin; cp /bin/true {venv}/bin/python; exit 1"
    )
    found = ci("venv", maker, venv, "requirements.txt")
    assert found.returncode == 1
    assert "python3-venv" in found.stderr
    assert not venv.exists()


@pytest.mark.parametrize("apt", ["none", "offline"])
def test_missing_packages_are_named_where_they_cannot_be_installed(
    tmp_path: Path, apt: str
) -> None:
    """No apt-get at all, and one that has no network."""
    script(tmp_path / "dpkg-query", "exit 1")
    script(tmp_path / "id", "echo 0")
    if apt == "offline":
        script(tmp_path / "apt-get", "exit 100")
    found = ci("packages", "fonts-of-nowhere", PATH=str(tmp_path))
    assert found.returncode == 1
    assert "with the network" in found.stderr and "fonts-of-nowhere" in found.stderr


WITHOUT = """
import runpy, sys
sys.modules[sys.argv[1]] = None
sys.argv = sys.argv[2:]
runpy.run_module(sys.argv[0], run_name="__main__")
"""
"""Runs a module as if another were not installed."""


@pytest.mark.parametrize(
    ("missing", "benchmark"),
    [
        ("playwright", "benchmarks.latency"),
        ("playwright", "benchmarks.media_table"),
        ("matplotlib", "benchmarks.load"),
    ],
)
def test_a_benchmark_says_what_it_lacks_before_it_measures(missing: str, benchmark: str) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, missing, benchmark, *arguments]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )

    helped = run("--help")
    assert helped.returncode == 0, helped.stderr
    refused = run()
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"without {missing}: run `make setup-test` first\n"
