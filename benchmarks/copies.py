"""How often an original is taken for a copy, and a copy for what it is.

    python -m benchmarks.copies [--views N] [--pictures FOLDER]

Drawn documents (specimens, training's faces, a licence) are posed before a made-up webcam of
1280 × 720: originals under five lamps, photocopies under four, and pictures on displays of several
densities. Seeded; the pages are flattened by their true corners. ``FOLDER`` holds real pictures of
originals and a ``truth.json`` as for ``benchmarks.mrz_accuracy``: all that is read of them is
whether they raise a warning, for the whole picture. Grey scans of originals count as originals.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.mrz_accuracy import samples
from core.errors import InvalidImage
from models.training.documents import draw_face
from models.training.face import KINDS
from models.training.licence import licence_back, payload
from models.training.replays import LIGHTS, MONOCHROME, photocopy, random_pose, view
from models.training.specimen import draw_specimen
from pipeline.copies import CopyMeasures, judged, measure_copy
from pipeline.geometry import homography, rectangle
from pipeline.rectify import rectify
from pipeline.still import decode_image, still_frame
from pipeline.types import Detection, ImageU8, MrtdFormat, PageWarning

SIZE = (1280, 720)
DISPLAYS = {
    # Pixels an inch, and how wide the page is shown, in millimetres.
    "monitor, 96 per inch": (96, 125),
    "monitor, enlarged": (96, 220),
    "laptop, 130 per inch": (130, 125),
    "tablet, 264 per inch": (264, 125),
    "telephone, 400 per inch": (400, 65),
}
_FACE_WIDTH_PX = 1000


def pages(count: int) -> list[ImageU8]:
    """Documents seen straight: specimens, a licence, and ``count`` of training's faces."""
    drawn = [draw_specimen(known, width_px=1400).bgr for known in MrtdFormat]
    drawn.append(licence_back(payload()))
    seed = 7000
    while len(drawn) < len(MrtdFormat) + 1 + count:
        face, seed = draw_face(seed), seed + 1
        if KINDS[face.kind] == "other":
            continue
        corners = face.outline_px
        tall = np.linalg.norm(corners[3] - corners[0]) / np.linalg.norm(corners[1] - corners[0])
        size = (_FACE_WIDTH_PX, round(_FACE_WIDTH_PX * float(tall)))
        matrix = homography(corners, rectangle(0, 0, *size))
        flat = cv2.warpPerspective(np.ascontiguousarray(face.bgra[..., :3]), matrix, size)
        drawn.append(np.asarray(flat, np.uint8))
    return drawn


def measured(
    page: ImageU8, rng: np.random.Generator, light: str, per_page: float | None = None
) -> CopyMeasures:
    """The measures of a page posed by chance."""
    pose = random_pose(rng, page.shape[1] / page.shape[0], SIZE)
    seen = view(page, pose, rng, light, per_page)
    return measure_copy(rectify(still_frame(seen), Detection(pose.quad_px, 1.0), 1500).bgr)


def told(name: str, found: Sequence[CopyMeasures]) -> None:
    """One row: shares of both warnings, and the measures at the edges of what was found."""
    warnings = [judged(one) for one in found]
    screens = sum(PageWarning.SCREEN_SUSPECTED in each for each in warnings)
    copies = sum(PageWarning.PHOTOCOPY_SUSPECTED in each for each in warnings)
    rasters = np.percentile([one.raster for one in found], (50, 99))
    chromas = [one.chroma for one in found if one.chroma is not None]
    unjudged = len(found) - len(chromas)
    chromas = chromas or [float("nan")]
    print(
        f"{name:28} {len(found):5} {screens:7} {copies:10}   "
        f"{rasters[0]:.2f} {rasters[1]:.2f}   {np.percentile(chromas, 1):.3f} "
        f"{np.percentile(chromas, 50):.3f}  {unjudged:4}",
        flush=True,
    )


def real(folder: Path) -> list[CopyMeasures]:
    """Pictures of originals, each as a whole and 1500 wide, as an upload without an outline is."""
    found = []
    for sample in samples(folder):
        try:
            picture = decode_image(sample.path.read_bytes())
        except (InvalidImage, OSError):
            continue
        found.append(measure_copy(rectify(still_frame(picture), None, 1500).bgr))
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--views", type=int, default=40, help="of each row")
    parser.add_argument("--pictures", type=Path)
    chosen = parser.parse_args()
    cv2.setNumThreads(1)
    rng, drawn = np.random.default_rng(11), pages(12)
    turn = itertools.cycle(drawn)

    def order() -> list[ImageU8]:
        return list(itertools.islice(turn, chosen.views))

    print(
        f"{'shown':28} {'views':>5} {'screen':>7} {'photocopy':>10}   "
        "raster 50 99   chroma 1 50   unjudged"
    )
    everything: list[CopyMeasures] = []
    for light in (*LIGHTS, MONOCHROME):
        found = [measured(page, rng, light) for page in order()]
        told(f"original, {light}", found)
        everything += found
    told("originals, all", everything)
    lights = list(LIGHTS)
    found = [
        measured(photocopy(page, rng), rng, lights[number % len(lights)])
        for number, page in enumerate(order())
    ]
    told("photocopies", found)
    for name, (density, width_mm) in DISPLAYS.items():
        per_page = density * width_mm / 25.4
        told(name, [measured(page, rng, "daylight", per_page) for page in order()])
    if chosen.pictures is not None:
        told("real pictures", real(chosen.pictures))
    page = np.ascontiguousarray(rng.integers(0, 255, (1056, 1500, 3)), np.uint8)
    started = time.perf_counter()
    measure_copy(page)
    print(f"a page takes {(time.perf_counter() - started) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
