"""Tesseract's training, every step of it on a few lines: it fits together and can go on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.mrz_reliability import strip_of
from models.training.export_tessdata import packed
from models.training.line_scenes import compose
from models.training.tessdata_lines import FIRST_SEED, KINDS, pieces, shown, write_shard
from models.training.train_tessdata import LANGUAGE, checkpoint, train
from pipeline.mrz.tesseract import TesseractReader


def test_pieces_show_their_own_characters_and_no_others() -> None:
    scene = compose(FIRST_SEED)
    whole = shown(scene)
    assert whole.text == scene.text
    cell = whole.picture.shape[1] / (len(scene.text) + 2)
    for piece in pieces(scene):
        assert piece.text in scene.text
        assert 2 <= len(piece.text) <= 6
        assert piece.text.count("<") <= 1
        assert abs(piece.picture.shape[1] / cell - len(piece.text)) < 0.5
    again = [piece.text for piece in pieces(scene)]
    assert again == [piece.text for piece in pieces(scene)], "a scene always gives the same pieces"


def test_every_step_of_the_training_fits_the_next(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, 12)
    files = {kind: tmp_path / f"00000-{kind}.lstmf" for kind in KINDS}
    assert all(path.stat().st_size > 1000 for path in files.values())
    train(tmp_path, [files["short"]], 6)
    first = checkpoint(tmp_path).read_bytes()
    train(tmp_path, list(files.values()), 12)
    assert checkpoint(tmp_path).read_bytes() != first, "the second stage goes on from the first"
    made = packed(tmp_path)
    scene = compose(FIRST_SEED + 1)
    scores = TesseractReader(made.parent, LANGUAGE).scores(strip_of(scene))
    assert scores.shape == (len(scene.text), 37)
    assert np.isfinite(scores).all()
