"""Other open readers of the zone, asked from an environment of their own.

``benchmarks.mrz_accuracy --peers FOLDER`` makes a virtual environment in FOLDER, installs the
readers there from the package index, and runs this file with it: none of them is a dependency of
the project (fastmrz is AGPL). It imports nothing of the project and speaks in JSON, one line for
each picture: ``python mrz_peers.py NAME PICTURE...``. Tesseract's program must be installed.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable

for _variable in ("OMP_THREAD_LIMIT", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

PACKAGES = {
    "fastmrz": ("fastmrz",),
    "PassportEye": ("PassportEye", "setuptools<81"),
    "RapidOCR": ("rapidocr_onnxruntime",),
}
"""What each reader needs from the package index."""

Lines = list[str]


def _fastmrz() -> Callable[[str], Lines]:
    import pytesseract  # type: ignore[import-not-found]
    from fastmrz import FastMRZ  # type: ignore[import-not-found]

    if "mrz" not in pytesseract.get_languages():
        sys.exit("fastmrz needs its mrz.traineddata, which its package lacks, in TESSDATA_PREFIX")
    reader = FastMRZ()

    def read(path: str) -> Lines:
        text = reader.get_details(path, include_checkdigit=False).get("mrz_text", "")
        return [line for line in text.splitlines() if line]

    return read


def _passporteye() -> Callable[[str], Lines]:
    from passporteye import read_mrz  # type: ignore[import-not-found]

    def read(path: str) -> Lines:
        found = read_mrz(path)
        return [] if found is None else found.aux["text"].split()

    return read


def _rapidocr() -> Callable[[str], Lines]:
    from rapidocr_onnxruntime import RapidOCR  # type: ignore[import-not-found]

    reader = RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)

    def read(path: str) -> Lines:
        found, _ = reader(path)
        lines = [re.sub(r"[\s«]", lambda gap: "<<" if gap[0] == "«" else "", row[1].upper())
                 for row in found or []]  # fmt: skip
        return [line for line in lines if len(line) in (30, 36, 44) and "<" in line]

    return read


READERS = {"fastmrz": _fastmrz, "PassportEye": _passporteye, "RapidOCR": _rapidocr}


def main() -> None:
    """Command line: a reader's name and pictures."""
    name, *paths = sys.argv[1:]
    read = READERS[name]()
    for path in paths[:1]:  # what is loaded on first use is no time of reading
        _said(read, path)
    for path in paths:
        began = _seconds()
        lines = _said(read, path)
        print(json.dumps({"lines": lines, "seconds": _seconds() - began}), flush=True)


def _seconds() -> float:
    """Processor time of this process and of the programs that it ran."""
    return sum(os.times()[:4])


def _said(read: Callable[[str], Lines], path: str) -> Lines:
    try:
        return read(path)
    except Exception:  # readers raise what they like; it counts as no answer
        return []


if __name__ == "__main__":
    main()
