"""The Dockerfile keeps to what hadolint asks for; rule numbers are hadolint's and ShellCheck's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def instructions() -> list[tuple[str, str]]:
    text = "\n".join(
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    )
    joined = re.sub(r"\\\n\s*", " ", text)
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1])
        for line in joined.splitlines()
        if line.strip()
    ]


def every(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def test_the_base_is_tagged_and_not_latest() -> None:  # DL3006, DL3007
    (base,) = every("FROM")
    assert re.fullmatch(r"[a-z/]+:[0-9][\w.-]+", base)


def test_packages_are_pinned_and_lists_removed() -> None:  # DL3008, DL3009, DL3015, DL3042
    for run in every("RUN"):
        if "apt-get install" in run:
            assert "-y --no-install-recommends" in run and "rm -rf /var/lib/apt/lists/*" in run
            names = run.split("--no-install-recommends")[1].split("&&")[0].split()
            assert names and all("=" in name for name in names)
        if "pip install" in run:
            assert "--no-cache-dir" in run and "--require-hashes" in run
        assert "sudo" not in run and "cd " not in run  # DL3004, DL3003


def test_it_runs_as_a_user_from_an_absolute_folder() -> None:  # DL3002, DL3000
    assert every("USER")[-1] not in ("root", "0")
    assert every("WORKDIR")[0].startswith("/")
    assert not every("ADD") and not every("MAINTAINER")  # DL3020, DL4000


@pytest.mark.parametrize("name", ["ENTRYPOINT"])
def test_commands_are_in_exec_form(name: str) -> None:  # DL3025
    (command,) = every(name)
    assert json.loads(command)[0] == "python"


def test_the_health_check_is_one_and_in_exec_form() -> None:  # DL3012, DL3055
    (check,) = every("HEALTHCHECK")
    assert json.loads(check.split("CMD", 1)[1])[-1] == "--health"


def test_what_is_copied_exists_and_is_let_in() -> None:
    let_in = (ROOT / ".dockerignore").read_text().splitlines()
    for rest in every("COPY"):
        source = rest.split()[0]
        assert (ROOT / source).exists() and f"!{source}" in let_in


def test_no_secret_is_set() -> None:
    assert not any("TOKEN=" in rest or "SECRET=" in rest for rest in every("ENV"))
