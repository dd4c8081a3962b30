"""Trains Tesseract on composed lines, from nothing: ``models/tessdata/mrz.traineddata``.

    python -m models.training.train_tessdata

composes lines into ``.cache/train/tess``, learns a few characters at a time first, then whole
lines of large print, then all print; one thread, and it resumes where it was stopped.
``export_tessdata`` makes the file that ships.
Needs Debian's tesseract-ocr.
"""

from __future__ import annotations

import argparse
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from models.training.tessdata_lines import KINDS, write_shard
from pipeline.mrz.check_digits import ALPHABET

FOLDER = Path(".cache/train/tess")
LANGUAGE = "mrz"
SHARDS, LINES = 40, 400
_NETWORK = "[1,36,0,1 Ct3,3,16 Mp3,3 Lfys48 Lbx96 O1c1]"
"""A convolution, a pooling by 3, a summary of each column, one pass each way along the line."""
SHORT_STEPS, CLEAR_STEPS, ALL_STEPS = 15_000, 35_000, 100_000
"""Lines seen in all when the stage ends."""
_RATE = 0.002


def starter(folder: Path) -> Path:
    """The alphabet as Tesseract keeps it, without any dictionary: ``mrz/mrz.traineddata``."""
    made = folder / LANGUAGE / f"{LANGUAGE}.traineddata"
    if made.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "alphabet.txt"
    text.write_text("\n".join(ALPHABET) + "\n", encoding="ascii")
    characters = folder / "alphabet.unicharset"
    _call("unicharset_extractor", "--output_unicharset", characters, "--norm_mode", 1, text)
    # The tool asks for the table of Chinese strokes, of which no character here has any.
    (folder / "radical-stroke.txt").write_text("# none\n", encoding="ascii")
    _call(
        *("combine_lang_model", "--input_unicharset", characters, "--script_dir", folder),
        *("--output_dir", folder, "--lang", LANGUAGE, "--pass_through_recoder"),
    )
    return made


def train(folder: Path, files: Sequence[Path], steps: int) -> None:
    """Go on from the last checkpoint, if there is one, until ``steps`` lines were seen in all."""
    listed = folder / "files.txt"
    listed.write_text("\n".join(str(path) for path in files) + "\n", encoding="utf-8")
    _call(
        *("lstmtraining", "--traineddata", starter(folder), "--net_spec", _NETWORK),
        *("--model_output", folder / LANGUAGE, "--train_listfile", listed),
        *("--max_iterations", steps, "--learning_rate", _RATE),
        *("--target_error_rate", 0.001, "--debug_interval", 0),
        shown=True,
    )


def checkpoint(folder: Path) -> Path:
    """Where training goes on from."""
    return folder / f"{LANGUAGE}_checkpoint"


def _call(*command: object, shown: bool = False) -> None:
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    words = [str(word) for word in command]
    subprocess.run(words, check=True, env=environment, capture_output=not shown)


def main() -> None:
    """Command line: compose what is missing, then train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--shards", type=int, default=SHARDS)
    parser.add_argument("--lines", type=int, default=LINES, help="per shard")
    parser.add_argument("--short-steps", type=int, default=SHORT_STEPS)
    parser.add_argument("--clear-steps", type=int, default=CLEAR_STEPS)
    parser.add_argument("--all-steps", type=int, default=ALL_STEPS)
    options = parser.parse_args()
    for index in range(options.shards):
        write_shard(options.folder, index, options.lines)
    steps = (options.short_steps, options.clear_steps, options.all_steps)
    for count, kinds in zip(steps, (KINDS[:1], KINDS[1:2], KINDS), strict=True):
        files = [path for kind in kinds for path in options.folder.glob(f"*-{kind}.lstmf")]
        train(options.folder, sorted(files), count)


if __name__ == "__main__":
    main()
