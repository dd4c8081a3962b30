"""Reading step by step: a glance first, the thorough search after it, nothing done twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest

from core.errors import MrzNotFound
from core.settings import MrzSettings
from models.training.mrz_lines import DEFAULT_FIELDS
from models.training.specimen import draw_specimen
from pipeline.document import is_sure
from pipeline.mrz import locate, search
from pipeline.mrz.grid import PlacedZone
from pipeline.mrz.locate import WORKING_SIDE_PX, TextRow
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.recognize import CharacterScores
from pipeline.mrz.search import Hunt
from pipeline.mrz.strips import LineStrip
from pipeline.mrz.tesseract import TesseractReader
from pipeline.types import ImageU8, MrtdFormat

PAGE = draw_specimen(MrtdFormat.TD3, width_px=1000)
SOFT = np.asarray(cv2.GaussianBlur(PAGE.bgr, (0, 0), 4.5), np.uint8)
BLANK = np.full((700, 1000, 3), 230, np.uint8)


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings(deadline_ms=60_000))


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The scale of each search for rows."""
    noted: list[int] = []

    def find_rows(luma: ImageU8, side_px: int) -> tuple[TextRow, ...]:
        noted.append(side_px)
        return locate.find_rows(luma, side_px)

    monkeypatch.setattr(search, "find_rows", find_rows)
    return noted


def asked(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each line that Tesseract is shown."""
    lines: list[None] = []
    kept = TesseractReader.scores

    def scores(self: TesseractReader, strip: LineStrip) -> CharacterScores:
        lines.append(None)
        return kept(self, strip)

    monkeypatch.setattr(TesseractReader, "scores", scores)
    return lines


def test_a_glance_is_enough_for_a_clear_page(reader: MrzReader, sides: list[int]) -> None:
    read = reader.hunt([PAGE.bgr]).look()
    assert read is not None
    assert read.lines == PAGE.lines
    assert is_sure(read)
    assert sides == [WORKING_SIDE_PX]


def test_a_page_on_its_side_takes_a_second_glance(reader: MrzReader, sides: list[int]) -> None:
    hunt = reader.hunt([np.ascontiguousarray(np.rot90(PAGE.bgr))])
    assert hunt.look() is None
    read = hunt.look()
    assert read is not None
    assert read.lines == PAGE.lines
    assert sides == [WORKING_SIDE_PX] * 2


def test_print_that_leaves_doubt_is_nothing_for_a_glance(reader: MrzReader) -> None:
    hunt = reader.hunt([SOFT])
    assert [hunt.look(), hunt.look(), hunt.look()] == [None] * 3
    assert hunt.read().lines == reader.read([SOFT]).lines


def test_what_a_glance_saw_is_not_sought_again(reader: MrzReader, sides: list[int]) -> None:
    with pytest.raises(MrzNotFound):
        reader.read([BLANK])
    at_once = list(sides)
    sides.clear()
    hunt = reader.hunt([BLANK])
    assert [hunt.look(), hunt.look()] == [None, None]
    assert sides == [WORKING_SIDE_PX] * 2
    with pytest.raises(MrzNotFound):
        hunt.read()
    assert sides == at_once


def test_nothing_is_seen_where_there_is_no_page(reader: MrzReader) -> None:
    assert reader.hunt([]).look() is None
    assert reader.hunt([np.zeros((1, 1), np.uint8)]).look() is None
    with pytest.raises(MrzNotFound):
        reader.hunt([]).read()


def test_glances_count_towards_the_deadline() -> None:
    """The clock stands still but for the glances, which take three seconds each."""
    now = [0.0]
    reader = MrzReader(MrzSettings(), clock=lambda: now[0])
    finds = []

    class Slow(Hunt):
        def look(self) -> tuple[PlacedZone, ...]:
            now[0] += 3
            return ()

        def find(self, expired: Callable[[], bool] = lambda: False) -> tuple[PlacedZone, ...]:
            finds.append(expired())
            return ()

    reader.hunt_on = lambda page: Slow(reader._finder, np.zeros((9, 9), np.uint8))  # type: ignore[method-assign]
    for looks, late in ((1, False), (2, True)):
        hunt = reader.hunt([BLANK])
        for _ in range(looks):
            hunt.look()
        with pytest.raises(MrzNotFound):
            hunt.read(deadline_ms=5000)
        assert finds[-1] is late


def test_a_second_opinion_is_asked_of_print_alone(
    reader: MrzReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state that does not exist stays in doubt, however clearly it is printed."""
    lines = asked(monkeypatch)
    fields = replace(DEFAULT_FIELDS[MrtdFormat.TD3], issuing_state="QQW", nationality="QQW")
    drawn = draw_specimen(MrtdFormat.TD3, fields, width_px=1000)
    read = reader.read([drawn.bgr])
    assert read.lines == drawn.lines
    assert max(read.confidences[0][2:5]) <= 0.5
    assert lines == []
    told = reader.hunt([drawn.bgr]).look()
    assert told is not None
    assert told.lines == drawn.lines
    assert not is_sure(told), "read at a glance, and in doubt all the same"
    reader.read([SOFT])
    assert len(lines) == 2
