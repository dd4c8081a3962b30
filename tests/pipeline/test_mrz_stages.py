"""The benchmark of stages: every stage exists, and time is counted once."""

from __future__ import annotations

import json
import time

import cv2
import pytest

from benchmarks.mrz_stages import ELSE, STAGES, Stopwatch, Timed, heading, measure, summary
from models.training.specimen import draw_specimen
from pipeline.types import MrtdFormat


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Timed]:
    folder = tmp_path_factory.mktemp("pictures")
    drawn = draw_specimen(MrtdFormat.TD3, width_px=800)
    cv2.imwrite(str(folder / "page.png"), drawn.bgr)
    items = [{"file": "page.png", "mrz_lines": list(drawn.lines), "kind": "scan"}]
    (folder / "truth.json").write_text(json.dumps({"items": items}))
    return list(measure(folder))


def test_a_picture_that_is_read_goes_through_the_stages(told: list[Timed]) -> None:
    [one] = told
    for stage in ("open", "outline", "flatten", "rows", "cells", "read", "decode", ELSE):
        assert one.stages_s[stage] > 0, stage
    assert "barcode" not in one.stages_s and one.plain_s > 0


def test_nothing_stays_watched(told: list[Timed]) -> None:
    for places in STAGES.values():
        for owner, name in places:
            assert not hasattr(getattr(owner, name), "__wrapped__"), name


def test_the_innermost_stage_has_the_time() -> None:
    watch = Stopwatch()

    def spin(seconds: float) -> None:
        until_s = time.process_time() + seconds
        while time.process_time() < until_s:
            pass

    inner = watch.timed("inner", lambda: spin(0.05))

    def work() -> None:
        spin(0.02)
        inner()

    watch.begin()
    began_s = time.process_time()
    watch.timed("outer", work)()
    watch.lap()
    assert sum(watch.seconds.values()) == pytest.approx(time.process_time() - began_s, abs=0.01)
    assert watch.seconds["inner"] > watch.seconds["outer"] > 0.015


def test_an_error_ends_its_stage() -> None:
    watch = Stopwatch()

    def fail() -> None:
        raise ValueError

    watch.begin()
    with pytest.raises(ValueError):
        watch.timed("inner", fail)()
    watch.lap()
    assert set(watch.seconds) == {ELSE, "inner"}


def test_the_table_has_a_column_for_each_stage(told: list[Timed]) -> None:
    rows = [heading(), told[0].row(), *summary(told)]
    assert {len(row) for row in rows} == {len(heading())}
    shares = [float(word) for word in summary(told)[1].split()[-len(STAGES) - 1 :]]
    assert sum(shares) == pytest.approx(1, abs=0.01)
