"""The line network, what it adds to the glyphs, and what remains without it."""

from __future__ import annotations

import datetime
import json
import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import mrz_accuracy
from core.errors import ModelNotFound
from core.settings import MrzSettings
from models.training.mrz_lines import SpecimenFields
from models.training.specimen import draw_specimen
from pipeline.document import is_legible, is_sure
from pipeline.mrz.check_digits import ALPHABET, check_digit
from pipeline.mrz.decode import decode
from pipeline.mrz.formats import FRENCH_CARD, LAYOUTS, layout_of
from pipeline.mrz.fuse import together
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.mrz.line_net import CELL_PX, INPUT_HEIGHT_PX, LineNet, _best_path, as_input
from pipeline.mrz.locate import TextRow, find_rows
from pipeline.mrz.parse import assemble, fields_of, parse_lines
from pipeline.mrz.reader import MrzReader
from pipeline.mrz.recognize import INDEX, CharacterScores, log_softmax, text_of
from pipeline.mrz.search import ZoneFinder
from pipeline.mrz.strips import STRIP_HEIGHT_PX, LineStrip
from pipeline.types import CheckResult, FieldStatus, ImageU8, MrtdFormat

TODAY = datetime.date(2026, 1, 1)
MODELS = Path(__file__).resolve().parents[2] / "models"
NUMBER, BORN = "950126200123", "730419"


@pytest.fixture(scope="module")
def net() -> LineNet:
    return LineNet.load(MODELS)


@pytest.fixture(scope="module")
def matcher() -> GlyphMatcher:
    return GlyphMatcher(MODELS)


def specimen_page(seed: int = 1) -> tuple[ImageU8, tuple[str, ...]]:
    """A soft, noisy passport page and its lines."""
    drawn = draw_specimen(MrtdFormat.TD3, width_px=1000)
    rng = np.random.default_rng(seed)
    grey = cv2.cvtColor(drawn.bgr, cv2.COLOR_BGR2GRAY)
    soft = cv2.GaussianBlur(grey, (0, 0), 1.5) + rng.normal(0, 5, grey.shape)
    return np.clip(soft, 0, 255).astype(np.uint8), drawn.lines


def sure_of(lines: tuple[str, ...], share: float = 0.9999) -> list[CharacterScores]:
    """Scores that give each character of ``lines`` that probability."""
    rest = (1 - share) / (len(ALPHABET) - 1)
    found = []
    for text in lines:
        shares = np.full((len(text), len(ALPHABET)), rest)
        shares[np.arange(len(text)), [INDEX[c] for c in text]] = share
        found.append(log_softmax(np.log(shares).astype(np.float32)))
    return found


def french_card() -> tuple[str, str]:
    upper = "IDFRASPECIMEN".ljust(30, "<") + "952042"
    lower = f"{NUMBER}{check_digit(NUMBER)}" + "NATHALIE<<ANNE" + BORN + check_digit(BORN) + "F"
    return upper, lower + check_digit(upper + lower)


def test_input_brings_uneven_cells_to_one_pitch() -> None:
    centres = np.cumsum(np.linspace(18, 22, 30)).astype(np.float32) + 60
    ink = np.zeros((STRIP_HEIGHT_PX, 800), np.float32)
    for centre in centres:
        ink[:, int(centre) - 2 : int(centre) + 2] = 1
    given = as_input(LineStrip(ink, centres), 2)
    assert given.shape == (INPUT_HEIGHT_PX, 34 * CELL_PX)
    assert given.dtype == np.uint8
    cells = given.sum(axis=0)[2 * CELL_PX : -2 * CELL_PX].reshape(30, CELL_PX)
    middles = (cells * (np.arange(CELL_PX) + 0.5)).sum(axis=1) / cells.sum(axis=1)
    assert np.abs(middles - CELL_PX / 2).max() < 1


def test_a_path_meets_every_character_once() -> None:
    places = np.round(5 + np.cumsum(np.linspace(2.6, 3.5, 30))).astype(int)
    clear = np.full(120, -3.0, np.float32)
    clear[places] = 3
    clear[places[12]] = -1  # one is hard to see
    assert np.array_equal(_best_path(clear, 30), places)


def test_it_reads_and_puts_a_misplaced_grid_right(net: LineNet, matcher: GlyphMatcher) -> None:
    page, lines = specimen_page()
    [zone, *_] = ZoneFinder(matcher, None).find(page)
    for strip, line in zip(zone.strips, lines, strict=True):
        scores = net.scores(strip)
        assert scores.shape == (44, len(ALPHABET))
        assert np.allclose(np.exp(scores).sum(axis=1), 1, atol=1e-3)
        assert text_of(scores) == line
        same, seen = net.follow(strip)
        assert same is strip, "cells in place stay where they are"
        assert seen is not None
        assert text_of(seen) == line, "what was seen on the way need not be looked at again"
        centres = strip.centres_px
        wide = centres[0] + (centres - centres[0]) * 1.025 - 6
        astray = LineStrip(strip.ink, wide.astype(np.float32))
        assert text_of(matcher.scores(astray)) != line
        assert text_of(net.scores(net.follow(astray)[0])) == line


def test_without_the_network_glyphs_read_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "mrz").mkdir()
    shutil.copy(MODELS / "mrz" / "glyphs.npz", tmp_path / "mrz")
    (tmp_path / "manifest.toml").write_text("")
    with pytest.raises(ModelNotFound, match="lines"):
        LineNet.load(tmp_path)
    with caplog.at_level(logging.WARNING):
        reader = MrzReader(MrzSettings(), tmp_path)
    assert [record.levelno for record in caplog.records].count(logging.WARNING) == 1
    page, lines = specimen_page()
    assert reader.read([page]).lines == lines


def test_recognisers_that_disagree_leave_doubt() -> None:
    fields = SpecimenFields(primary_identifier="HUBER")
    lines = draw_specimen(MrtdFormat.TD3, fields, 400).lines
    other = (lines[0].replace("HUBER", "HUSER"), lines[1])
    agreed = decode(together(tuple(sure_of(lines)), tuple(sure_of(lines, 0.999))))
    split = decode(together(tuple(sure_of(lines, 0.9)), tuple(sure_of(other, 0.999999))))
    assert agreed is not None
    assert split is not None
    for decoded, sure in ((agreed, True), (split, False)):
        read = assemble(decoded.layout, decoded.lines, decoded.confidences)
        assert CheckResult.FAIL not in read.check_digits.values()
        assert is_legible(read) is is_sure(read) is sure


def test_a_state_that_does_not_exist_leaves_doubt() -> None:
    for state, sure in (("UTO", True), ("UT0", False), ("D", True), ("GDR", False)):
        fields = SpecimenFields(nationality=state)
        lines = draw_specimen(MrtdFormat.TD3, fields, 400).lines
        decoded = decode(sure_of(lines))
        assert decoded is not None
        assert (min(decoded.confidences[1][10:13]) > 0.95) is sure


def test_french_card_by_its_own_table() -> None:
    lines = french_card()
    decoded = decode(sure_of(lines), 0.3)
    assert decoded is not None
    assert decoded.layout is FRENCH_CARD
    assert decoded.lines == lines
    assert decoded.complete
    assert decoded.corrections == ()
    read = parse_lines(lines)
    assert read.format is MrtdFormat.TD2
    assert read.check_digits["document_number"] is CheckResult.PASS
    assert read.check_digits["composite"] is CheckResult.PASS
    assert read.check_digits["date_of_expiry"] is CheckResult.NOT_APPLICABLE
    fields = fields_of(read, TODAY)
    values = {name: field.value for name, field in fields.items() if field.value}
    assert values["primary_identifier"] == "SPECIMEN"
    assert values["secondary_identifier"] == "NATHALIE ANNE"
    assert values["document_number"] == NUMBER
    assert values["date_of_birth"] == "1973-04-19"
    assert fields["date_of_expiry"].status is FieldStatus.MISSING
    assert fields["nationality"].status is FieldStatus.MISSING


def test_only_the_french_card_has_its_table() -> None:
    upper, lower = french_card()
    assert (
        layout_of(MrtdFormat.TD2, (upper.replace("IDFRA", "IDUTO"), lower))
        is (LAYOUTS[MrtdFormat.TD2])
    )
    assert layout_of(MrtdFormat.TD1, (upper, lower)) is LAYOUTS[MrtdFormat.TD1]
    assert layout_of(MrtdFormat.TD2, ()) is LAYOUTS[MrtdFormat.TD2]


@pytest.mark.parametrize("mrtd_format", [MrtdFormat.TD1, MrtdFormat.TD2])
def test_one_row_is_enough_to_find_the_others(
    mrtd_format: MrtdFormat, net: LineNet, matcher: GlyphMatcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where glare or the edge of the page hides the other rows from the search."""

    def one_row(luma: ImageU8, side_px: int) -> list[TextRow]:
        return sorted(find_rows(luma, side_px), key=lambda row: row.centre_px[1])[-1:]

    monkeypatch.setattr("pipeline.mrz.search.find_rows", one_row)
    drawn = draw_specimen(mrtd_format, width_px=1000)
    page = np.asarray(cv2.cvtColor(drawn.bgr, cv2.COLOR_BGR2GRAY), np.uint8)
    [zone, *_] = ZoneFinder(matcher, net).find(page)
    assert tuple(text_of(net.scores(strip)) for strip in zone.strips) == drawn.lines


@pytest.mark.parametrize("turn_deg", [-7.0, 6.5])
def test_a_slanted_dark_page(turn_deg: float, net: LineNet, matcher: GlyphMatcher) -> None:
    page, lines = specimen_page(2)
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), turn_deg, 0.85)
    slanted = cv2.warpAffine(page, matrix, (width, height), borderValue=(90,))
    dark = np.asarray(slanted * 0.25 + 8, np.uint8)
    [zone, *_] = ZoneFinder(matcher, net).find(dark)
    assert tuple(text_of(net.scores(strip)) for strip in zone.strips) == lines


def test_the_benchmark_counts(tmp_path: Path) -> None:
    drawn = draw_specimen(MrtdFormat.TD3, width_px=400)
    for name in ("zone.png", "none.png"):
        cv2.imwrite(str(tmp_path / name), drawn.bgr)
    items = [
        {"file": "zone.png", "kind": "photo", "mrz_lines": list(drawn.lines)},
        {"file": "none.png", "kind": "scan", "mrz_lines": None},
    ]
    (tmp_path / "truth.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    wrong = [drawn.lines[0].replace("ERIKSSON", "ERIKSSEN"), drawn.lines[1]]

    def peer(path: str) -> list[str]:
        return wrong

    def cautious(path: str) -> dict[str, object]:
        return {"lines": list(drawn.lines), "valid": False}

    def broken(path: str) -> list[str]:
        raise OSError

    pictures = mrz_accuracy.samples(tmp_path)
    texts = [
        mrz_accuracy.report("x", [mrz_accuracy.answer(reader, s) for s in pictures], 1.0)
        for reader in (peer, cautious, broken)
    ]
    # exact, photos exact, valid but wrong, negatives accepted, time as a ratio
    assert texts[0].split()[:5] == ["x", "0/1", "0/1", "1", "1/1"]
    assert texts[1].split()[:5] == ["x", "1/1", "1/1", "0", "0/1"]
    assert texts[2].split()[1] == "0/1"
