"""What a new aiortc or aioice has no longer is left out, and a guest is served all the same."""

from __future__ import annotations

import asyncio
import json
import math
import sys

import pytest

from media.relied_on import Missing, are_there, from_module, has_all


def test_what_a_module_lacks_is_missing_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    pi, gone = from_module("math", "pi", "no_such_thing")
    (nowhere,) = from_module("no_such_module.inside", "thing")
    assert pi == math.pi and issubclass(gone, Missing) and issubclass(nowhere, Missing)

    class Derived(gone):  # type: ignore[misc, valid-type]
        """As ours are of aiortc's."""

    assert are_there((pi, Derived.__mro__[-1], 0), "all is there")
    for _ in range(2):
        assert not are_there((pi, gone), "math has changed")
        assert not has_all(math, ("pi", "no_such_thing"), "it has changed")
    told = [record.getMessage() for record in caplog.records]
    assert ["math has changed" in each for each in told] == [True, False]
    assert ["it has changed" in each for each in told] == [False, True]


@pytest.mark.timeout(180)
async def test_a_guest_is_served_without_any_of_them() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.media.without_parts"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()[-3000:]
    rows = [json.loads(line) for line in out.decode().splitlines() if line.startswith('{"without"')]
    assert len(rows) > 8 and len(rows[-1]["without"]) == len(rows) - 1
    for row in rows:
        told = row["told"]
        assert told and all("has changed" in each or "have changed" in each for each in told), row
        assert len(told) == len(set(told)), row
