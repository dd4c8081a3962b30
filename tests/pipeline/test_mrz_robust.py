"""What stands in the way of a zone: other print like it, light print, a state hardly legible."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import MrzNotFound
from core.settings import MrzSettings
from models.training.specimen import draw_specimen
from pipeline.document import is_sure
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.decode import decode
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.grid import PlacedZone
from pipeline.mrz.line_net import LineNet
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.recognize import INDEX, CharacterScores, log_softmax
from pipeline.mrz.search import Hunt, ZoneFinder
from pipeline.types import ImageU8, MrtdFormat

MODELS = Path(__file__).resolve().parents[2] / "models"


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings(deadline_ms=60_000))


def page_of(mrtd_format: MrtdFormat) -> tuple[ImageU8, tuple[str, ...]]:
    drawn = draw_specimen(mrtd_format, width_px=1000)
    grey = cv2.cvtColor(drawn.bgr, cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.2), np.uint8), drawn.lines


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD3, MrtdFormat.TD1])
def test_light_print_on_dark_ground(mrtd_format: MrtdFormat, reader: MrzReader) -> None:
    page, lines = page_of(mrtd_format)
    read = reader.read([np.asarray(cv2.bitwise_not(page), np.uint8)])
    assert read.lines == lines
    assert is_sure(read)


def test_print_that_only_looks_like_a_zone_gives_way_to_the_zone(
    reader: MrzReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same glyphs with their lines in the wrong order stand for any print in OCR-B."""
    page, lines = page_of(MrtdFormat.TD3)
    [zone, *_] = ZoneFinder(GlyphMatcher(MODELS), LineNet.load(MODELS)).find(page)
    print_like_it = PlacedZone(zone.strips[::-1], zone.matches[::-1])

    def finds(*zones: PlacedZone) -> None:
        monkeypatch.setattr(Hunt, "find", lambda *_: zones)

    finds(print_like_it)
    with pytest.raises(MrzNotFound):
        reader.read([page])
    finds(print_like_it, zone)
    assert reader.read([page]).lines == lines


def test_two_bands_of_one_page_are_told_apart() -> None:
    page, _lines = page_of(MrtdFormat.TD3)
    finder = ZoneFinder(GlyphMatcher(MODELS), LineNet.load(MODELS))
    soft = np.asarray(cv2.GaussianBlur(page, (0, 0), 2.0), np.uint8)
    zones = finder.find(np.vstack([page, soft]))
    assert [zone.shape for zone in zones] == [(2, 44), (2, 44)]
    assert zones[0].likeness > zones[1].likeness
    assert finder.find(np.full((400, 600), 128, np.uint8)) == ()


def scores_of(lines: tuple[str, ...], open_at: dict[tuple[int, int], str]) -> list[CharacterScores]:
    """Sure scores, but where another character is half as likely as the one that is printed."""
    found = []
    for number, text in enumerate(lines):
        shares = np.full((len(text), len(ALPHABET)), 1e-6)
        shares[np.arange(len(text)), [INDEX[c] for c in text]] = 1
        for (line, place), character in open_at.items():
            if line == number:
                shares[place, INDEX[character]] = 0.5
        found.append(log_softmax(np.log(shares).astype(np.float32)))
    return found


LINES = (
    "P<{}ERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
    "L898902C36{}7408122F1204159ZE184226B<<<<<10",
)


@pytest.mark.parametrize(
    ("read", "place", "perhaps", "told"),
    [
        ("UTD", 2, "O", "UTO"),  # as printed, O is half as likely as D
        ("UTO", 2, "D", "UTO"),
        ("UTD", 2, "K", "UTD"),  # no state's code either
        ("GBQ", 2, "R", "GBR"),
        ("GBQ", 0, "D", "GBQ"),  # one that exists is far from likely
        ("D<K", 2, "<", "D<<"),
    ],
)
def test_a_state_that_exists_is_preferred_where_the_print_leaves_it_open(
    read: str, place: int, perhaps: str, told: str
) -> None:
    lines = tuple(line.format(read) for line in LINES)
    decoded = decode(scores_of(lines, {(0, 2 + place): perhaps, (1, 10 + place): perhaps}))
    assert decoded is not None
    assert decoded.lines == tuple(line.format(told) for line in LINES)
    at = 10 + place
    if told != read:
        assert [(c.line, c.position, c.read) for c in decoded.corrections] == [
            (0, 2 + place, read[place]),
            (1, at, read[place]),
        ]
        assert decoded.confidences[1][at] < 0.5, "it stays in doubt"
