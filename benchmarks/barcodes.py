"""How small a licence's barcode may be, and what looking for one costs.

    python -m benchmarks.barcodes [--views N]

Drawn licences of nowhere are posed before a made-up webcam, at each share of the picture's width,
with angles, blur and noise by chance (seeded); the page is flattened as for a capture. Printed:
the smallest module of the symbol in pixels of the picture, how many were read, milliseconds of
the search. The last row are passports, which have no barcode. One thread.
"""

from __future__ import annotations

import argparse
import contextlib
import time

import cv2
import numpy as np

from core.errors import BarcodeError
from models.training.licence import licence_back, payload, symbol
from models.training.specimen import draw_specimen
from pipeline.barcode.reader import read_licence
from pipeline.geometry import homography, rectangle
from pipeline.rectify import rectify
from pipeline.still import still_frame
from pipeline.types import Detection, ImageU8, MrtdFormat, QuadPx

_PAGE_WIDTH_PX = 1500
_SYMBOL_SHARE = 74.0 / 85.6
SHARES = (0.3, 0.4, 0.5, 0.6, 0.8)
SIZE = (1280, 720)


def posed(page: ImageU8, share: float, rng: np.random.Generator) -> tuple[ImageU8, QuadPx]:
    """The page before a grey desk, ``share`` of the picture wide, and its corners in pixels."""
    width, height = SIZE
    half = share * width / 2
    tall = half * page.shape[0] / page.shape[1]
    quad_px = rectangle(-half, -tall, half, tall)
    quad_px += rng.uniform(-0.06, 0.06, (4, 2)).astype(np.float32) * half
    turn = np.radians(rng.uniform(-10, 10))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    quad_px = (quad_px @ rotation.T + (width / 2, height / 2)).astype(np.float32)
    shrink = page.shape[1] / (2 * half)
    soft = cv2.GaussianBlur(page, (0, 0), 0.45 * shrink) if shrink > 1.2 else page
    sheet = rectangle(-0.5, -0.5, page.shape[1] - 0.5, page.shape[0] - 0.5)
    matrix = homography(sheet, quad_px - np.float32(0.5))
    view = cv2.warpPerspective(soft, matrix, SIZE, borderValue=(90, 90, 90))
    view = cv2.GaussianBlur(view, (0, 0), rng.uniform(0.5, 1.0))
    noise = rng.normal(0, rng.uniform(1, 4), view.shape)
    return np.asarray((view * rng.uniform(0.6, 1.0) + noise).clip(0, 255), np.uint8), quad_px


def row(page: ImageU8, share: float, views: int, rng: np.random.Generator) -> tuple[int, float]:
    """How many of ``views`` were read, and the median milliseconds of the search."""
    read, times_ms = 0, []
    for _ in range(views):
        view, quad_px = posed(page, share, rng)
        flat = rectify(still_frame(view), Detection(quad_px, 1.0), _PAGE_WIDTH_PX).bgr
        started = time.perf_counter()
        with contextlib.suppress(BarcodeError):
            read += read_licence([flat]).elements["DAQ"] == "D12345678"
        times_ms.append((time.perf_counter() - started) * 1000)
    return read, float(np.median(times_ms))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--views", type=int, default=40)
    views = parser.parse_args().views
    cv2.setNumThreads(1)
    rng = np.random.default_rng(5)
    modules = symbol(payload(), 1).shape[1]
    print(f"{'shown':12} {'share':>6} {'px/module':>10} {'read':>9} {'ms':>6}")
    for share in SHARES:
        read, ms = row(licence_back(payload()), share, views, rng)
        module = share * SIZE[0] * _SYMBOL_SHARE / modules
        print(f"{'licence':12} {share:6.2f} {module:10.2f} {f'{read}/{views}':>9} {ms:6.0f}")
    page = draw_specimen(MrtdFormat.TD3, width_px=1000).bgr
    read, ms = row(page, 0.6, views, rng)
    print(f"{'passport':12} {0.6:6.2f} {'–':>10} {f'{read}/{views}':>9} {ms:6.0f}")


if __name__ == "__main__":
    main()
