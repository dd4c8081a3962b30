"""Lines for the recogniser of zones: composing, shards, batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from models.training.line_batches import CLASSES, STEP_PX, batches, make_batch, step_targets
from models.training.line_scenes import (
    CELLS,
    compose,
    contact_sheet,
    finished,
    read_shard,
    write_shard,
)
from models.training.line_texts import document_lines, line
from pipeline.mrz.check_digits import ALPHABET
from pipeline.mrz.line_net import CELL_PX, INPUT_HEIGHT_PX, NOTHING, STEPS_PER_CELL
from pipeline.mrz.parse import parse_lines
from pipeline.types import CheckResult


def test_a_seed_composes_the_same_line_again() -> None:
    first, second, other = compose(5), compose(5), compose(6)
    assert np.array_equal(first.strip, second.strip)
    assert first.text == second.text
    assert not np.array_equal(first.strip, other.strip)


@pytest.mark.parametrize("seed", range(0, 40, 4))
def test_cells_spell_the_text_where_it_is_printed(seed: int) -> None:
    scene = compose(seed)
    assert scene.strip.shape == (INPUT_HEIGHT_PX, CELLS * CELL_PX)
    assert scene.strip.dtype == np.uint8
    filled = np.flatnonzero(scene.cells != NOTHING)
    assert np.array_equal(filled, np.arange(filled[0], filled[0] + len(scene.text)))
    assert "".join(ALPHABET[index] for index in scene.cells[filled]) == scene.text
    assert len(scene.text) in (30, 36, 44)
    assert scene.pitch_px >= 5.5


def test_small_print_is_among_the_lines() -> None:
    pitches = [compose(seed).pitch_px for seed in range(30)]
    assert min(pitches) < 8
    assert max(pitches) > 18


def test_documents_on_the_lines_are_valid() -> None:
    rng = np.random.default_rng(3)
    for _ in range(60):
        read = parse_lines(document_lines(rng))
        assert CheckResult.FAIL not in read.check_digits.values()


def test_every_character_is_printed_often() -> None:
    rng = np.random.default_rng(4)
    text = "".join(line(rng) for _ in range(300))
    counts = [text.count(character) for character in ALPHABET]
    assert min(counts) > 60
    assert text.count("<") < 0.5 * len(text)


def test_shards_round_trip(tmp_path: Path) -> None:
    write_shard(tmp_path, 2, 3)
    assert list(finished(tmp_path)) == [2]
    strips, cells = read_shard(tmp_path, 2)
    again = compose(2 * 4000 + 1)
    assert np.array_equal(strips[1], again.strip)
    assert np.array_equal(cells[1], again.cells)
    batch = next(batches(tmp_path, 2, np.random.default_rng(0)))
    assert batch.ink.shape == (2, 1, INPUT_HEIGHT_PX, CELLS * CELL_PX)


def test_batches_need_a_shard(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="line_scenes"):
        next(batches(tmp_path, 2, np.random.default_rng(0)))


def test_targets_move_with_the_strip() -> None:
    cells = np.full(CELLS, NOTHING, np.uint8)
    cells[10] = ALPHABET.index("K")
    middle = 10 * STEPS_PER_CELL + 1
    still, moved = step_targets(cells, 0), step_targets(cells, STEP_PX)
    between = step_targets(cells, STEP_PX // 2)
    k = ALPHABET.index("K")
    assert still[k, middle] == 1
    assert moved[k, middle + 1] == 1
    assert between[k, middle] == between[k, middle + 1] == 0.5
    for target in (still, moved, between):
        assert target.shape == (CLASSES, CELLS * STEPS_PER_CELL)
        assert np.allclose(target.sum(axis=0), 1)


def test_varied_ink_moves_as_its_targets_do() -> None:
    strips = np.zeros((16, INPUT_HEIGHT_PX, CELLS * CELL_PX), np.uint8)
    cells = np.full((16, CELLS), NOTHING, np.uint8)
    place = 20
    strips[:, 8:24, place * CELL_PX + CELL_PX // 2] = 200
    cells[:, place] = 7
    batch = make_batch(strips, cells, np.random.default_rng(1))
    columns = batch.ink[:, 0].sum(axis=1).argmax(axis=1)
    shares = batch.target[:, 7] / batch.target[:, 7].sum(axis=1, keepdims=True)
    middles = (shares * np.arange(shares.shape[1])).sum(axis=1) * STEP_PX + STEP_PX / 2
    assert np.abs(columns - middles).max() <= STEP_PX / 2
    assert len(set(columns.tolist())) > 3


def test_a_sheet_to_look_at() -> None:
    sheet = contact_sheet(0, 3)
    assert sheet.shape == (3 * (INPUT_HEIGHT_PX + 2), CELLS * CELL_PX)
    assert 60 < sheet.mean() < 250
