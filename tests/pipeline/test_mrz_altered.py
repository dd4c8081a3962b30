"""The benchmark that alters pictures: what it makes of them, and what it counts."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import mrz_altered
from benchmarks.mrz_accuracy import Sample
from benchmarks.mrz_alterations import ALTERATIONS, Subject
from benchmarks.mrz_altered import Outcome, row, subject_of
from models.training.specimen import draw_specimen
from pipeline.mrz.glyphs import GlyphMatcher
from pipeline.types import MrtdFormat

MODELS = Path(__file__).resolve().parents[2] / "models"
DRAWN = draw_specimen(MrtdFormat.TD3, width_px=500)
PITCH_PX = 2.54 * DRAWN.px_per_mm
"""Ten characters per 25.4 mm (Doc 9303 Part 3, section 4.2)."""


@pytest.fixture(scope="module")
def subject() -> Subject:
    return subject_of(DRAWN.bgr, DRAWN.bgr, GlyphMatcher(MODELS))


@pytest.mark.parametrize("turned", [False, True])
def test_the_zone_is_where_it_was_drawn(turned: bool) -> None:
    bgr = np.asarray(cv2.rotate(DRAWN.bgr, cv2.ROTATE_90_CLOCKWISE)) if turned else DRAWN.bgr
    found = subject_of(np.asarray(bgr, np.uint8), DRAWN.bgr, GlyphMatcher(MODELS))
    x, y = DRAWN.mrz_quad_px.mean(axis=0)
    where = (DRAWN.bgr.shape[0] - 1 - y, x) if turned else (x, y)
    assert found.centre_px == pytest.approx(where, abs=2 * PITCH_PX)
    assert found.pitch_px == pytest.approx(PITCH_PX, rel=0.02)
    assert np.abs(found.direction) == pytest.approx((0, 1) if turned else (1, 0), abs=0.05)


@pytest.mark.parametrize("kind", ALTERATIONS)
def test_an_alteration_is_another_picture_and_always_the_same(kind: str, subject: Subject) -> None:
    before = subject.bgr.copy()
    once, again = (ALTERATIONS[kind](subject, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(subject.bgr, before), "the subject serves for other kinds"
    if once is None:
        assert kind.startswith("characters") and PITCH_PX < 10.5
        return
    assert again is not None and np.array_equal(once, again)
    assert once.dtype == np.uint8 and once.ndim == 3 and once.shape[2] == 3
    same = once.shape == before.shape and bool((once == before).all())
    assert same is (kind == "as it is")


def test_what_a_row_counts() -> None:
    shown, bare = Sample(Path("a"), ("AB", "CD"), ""), Sample(Path("b"), (), "")
    told = [
        Outcome(shown, "k", ("AB", "CD"), True, 0.1),
        Outcome(shown, "k", ("AB", "CD"), False, 0.1),
        Outcome(shown, "k", ("AB", "CX"), False, 0.2),
        Outcome(shown, "k", (), False, 0.2),
        Outcome(shown, "k", ("AB", "CX"), True, 0.3),
        Outcome(bare, "k", (), False, 0.3),
        Outcome(bare, "k", ("AB", "CX"), True, 0.3),
    ]
    assert row("k", told).split() == ["k", "2/5", "1", "1", "2", "0.20"]
    assert [one.missed for one in told] == [False, False, True, True, True, False, True]


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "zone.png"), DRAWN.bgr)
    items = [{"file": "zone.png", "kind": "scan", "mrz_lines": list(DRAWN.lines)}]
    (tmp_path / "truth.json").write_text(json.dumps({"items": items}), encoding="utf-8")
    kinds = "as it is,a quarter or half turned"
    monkeypatch.setattr("sys.argv", ["mrz_altered", str(tmp_path), "--kinds", kinds])
    mrz_altered.main()
    _, *rows = capsys.readouterr().out.splitlines()
    assert [text.split()[-5] for text in rows] == ["1/1", "1/1", "2/2"]
    monkeypatch.setattr("sys.argv", ["mrz_altered", str(tmp_path), "--kinds", "folded"])
    with pytest.raises(SystemExit):
        mrz_altered.main()
    assert "no such kind: folded" in capsys.readouterr().err
