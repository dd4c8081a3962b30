"""Makes ``models/tessdata/mrz.traineddata`` of the last checkpoint, if it beats ``eng``.

    python -m models.training.export_tessdata

Both read the same composed lines, which no training saw; the file and its checksum in the
manifest are written only where ours has fewer characters wrong.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

import cv2

from benchmarks.mrz_reliability import strip_of
from core.settings import MrzSettings
from models.training.line_scenes import compose
from models.training.manifest import MANIFEST, note_checksum
from models.training.train_tessdata import FOLDER, LANGUAGE, checkpoint, starter
from pipeline.mrz.recognize import text_of
from pipeline.mrz.tesseract import TesseractReader

FIRST_SEED = 80_000_000
ORIGIN = "trained by models/training/train_tessdata.py on composed lines alone"


def wrong_share(tessdata: Path, language: str, lines: int) -> float:
    """Share of characters that a Tesseract model has wrong on composed lines, 0 to 1."""
    reader = TesseractReader(tessdata, language)
    wrong = total = 0
    for seed in range(FIRST_SEED, FIRST_SEED + lines):
        scene = compose(seed)
        read = text_of(reader.scores(strip_of(scene)))
        wrong += sum(a != b for a, b in zip(read, scene.text, strict=True))
        total += len(scene.text)
    return wrong / total


def packed(folder: Path) -> Path:
    """The checkpoint as a traineddata file of whole numbers, in ``folder``."""
    made = folder / "packed" / f"{LANGUAGE}.traineddata"
    made.parent.mkdir(exist_ok=True)
    command = [
        *("lstmtraining", "--stop_training", "--convert_to_int"),
        *("--continue_from", str(checkpoint(folder)), "--traineddata", str(starter(folder))),
        *("--model_output", str(made)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return made


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--lines", type=int, default=500)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    settings = MrzSettings()
    made = packed(options.folder)
    ours = wrong_share(made.parent, LANGUAGE, options.lines)
    theirs = wrong_share(settings.tessdata, settings.language, options.lines)
    print(f"characters wrong: {LANGUAGE} {ours:.3f}, {settings.language} {theirs:.3f}")
    if ours >= theirs:
        raise SystemExit("not better: nothing was written")
    shipped = MANIFEST.parent / "tessdata" / made.name
    shipped.parent.mkdir(exist_ok=True)
    shipped.write_bytes(made.read_bytes())
    note_checksum(MANIFEST, "tessdata", shipped, ORIGIN)


if __name__ == "__main__":
    main()
