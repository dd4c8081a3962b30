"""A lamp's reflection on the zone: what it has wiped out, nobody is sure of."""

from __future__ import annotations

import numpy as np
import pytest

from core.settings import MrzSettings
from models.training.mrz_lines import SpecimenFields
from models.training.specimen import Specimen, draw_specimen
from pipeline.document import BEYOND_DOUBT, is_sure
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.strips import STRIP_HEIGHT_PX, LineStrip, ink_of, wiped_out, without_glare
from pipeline.types import ImageU8, MrtdFormat

FIELDS = SpecimenFields("P", "UTO", "EBERLEE", "ELFRIEDE BEATE", "L898902C3", "UTO", sex="F")
LETTERS = [5 + FIELDS.primary_identifier.index("E", start) for start in (0, 2, 5, 6)]
"""Of the first line, where an E stands in the surname."""


@pytest.fixture(scope="module")
def reader() -> MrzReader:
    return MrzReader(MrzSettings())


@pytest.fixture(scope="module")
def drawn() -> Specimen:
    return draw_specimen(MrtdFormat.TD3, FIELDS, width_px=1500)


def lit(drawn: Specimen, place: int, below: bool = False) -> ImageU8:
    """The page with half a character of its first line wiped out, by light that fades around."""
    pitch = 2.54 * drawn.px_per_mm
    left, top = drawn.mrz_quad_px[0]
    x, y = np.meshgrid(np.arange(drawn.bgr.shape[1]), np.arange(drawn.bgr.shape[0]))
    spot = left + (place + 0.5) * pitch, top + (1.2 if below else 0.1) * pitch
    away = np.hypot(x - spot[0], (y - spot[1]) * 1.2) / pitch
    light = 400 * np.exp(-((away / 0.6) ** 4))
    return np.asarray(np.clip(drawn.bgr * 0.85 + light[..., None], 0, 255), np.uint8)


@pytest.mark.parametrize("below", [False, True])
@pytest.mark.parametrize("place", LETTERS)
def test_half_a_letter_is_no_letter_to_be_sure_of(
    reader: MrzReader, drawn: Specimen, place: int, below: bool
) -> None:
    """The rest of an E without its foot is an F, and nothing in the line tells otherwise."""
    read = reader.read([lit(drawn, place, below)])
    assert read.confidences[0][place] < BEYOND_DOUBT
    assert not is_sure(read)
    clear = [c for at, c in enumerate(read.confidences[0]) if abs(at - place) > 2]
    assert min(clear) >= BEYOND_DOUBT, "only what the light has reached is in doubt"


def test_paper_may_be_as_white_as_light(reader: MrzReader, drawn: Specimen) -> None:
    """A scanner's white is clipped everywhere, and has wiped out nothing."""
    scanned = np.clip(drawn.bgr.astype(np.float32) * 1.6, 0, 255).astype(np.uint8)
    assert float(np.median(scanned)) == 255
    read = reader.read([scanned])
    assert read.lines == drawn.lines and is_sure(read)


def test_another_frame_says_what_the_light_has_wiped_out(
    reader: MrzReader, drawn: Specimen
) -> None:
    places = LETTERS[0], LETTERS[2]
    read = reader.read([lit(drawn, place, below=True) for place in places])
    assert read.lines == drawn.lines


def test_noise_is_no_reflection() -> None:
    """Single clipped pixels say nothing of the ones beside them."""
    strip = np.full((STRIP_HEIGHT_PX, 200), 215, np.uint8)
    strip[::3, ::4] = 255
    ink = ink_of(strip)
    assert np.array_equal(without_glare(strip, ink), ink)
    strip[10:30, 90:110] = 255
    found = wiped_out(
        LineStrip(without_glare(strip, ink), np.arange(20, 200, 20, dtype=np.float32))
    )
    assert found.tolist() == [centre == 100 for centre in range(20, 200, 20)]
