"""Pictures that clients send: frames of the specimen's scene, and files of other kinds."""

from __future__ import annotations

import base64
import functools
import io

import cv2
import numpy as np
from PIL import Image

from models.training.specimen_scene import Phases, SpecimenScene

_HELD = Phases(empty=0, moving_in=0, held=3, leaving=0, empty_after=0)


@functools.cache
def specimen_frames(count: int, size: tuple[int, int] = (1280, 720)) -> tuple[bytes, ...]:
    """JPEG files of the specimen held still before a camera."""
    scene = SpecimenScene(size, phases=_HELD)
    return tuple(jpeg(scene.frame(number).bgr) for number in range(count))


def jpeg(bgr: np.ndarray) -> bytes:
    return encoded(bgr, ".jpg")


def encoded(bgr: np.ndarray, ending: str) -> bytes:
    """A picture file by OpenCV."""
    return bytes(cv2.imencode(ending, bgr)[1].tobytes())


@functools.cache
def grey(ending: str = ".jpg", width: int = 320, height: int = 240) -> bytes:
    """A picture with nothing on it."""
    return encoded(np.full((height, width, 3), 127, np.uint8), ending)


def base64_of(data: bytes, kind: str = "") -> str:
    """Base64, as a data URL when a kind is named."""
    text = base64.b64encode(data).decode()
    return f"data:{kind};base64,{text}" if kind else text


def several_pages(*pages: bytes) -> bytes:
    """A TIFF file of the pictures."""
    opened = [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]
    file = io.BytesIO()
    opened[0].save(file, "TIFF", save_all=True, append_images=opened[1:], compression="jpeg")
    return file.getvalue()
