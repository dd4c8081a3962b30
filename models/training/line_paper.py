"""Paper under a line, and how ink looks on it: patterns, pictures, stains, faint print.

Planes are H×W float32; paper is luma, 0 to 255.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from models.training.drawing import Plane, Rng


def paper(size: tuple[int, int], rng: Rng) -> Plane:
    """Background of height and width ``size``: tint, grain, guilloche, a picture behind."""
    height, width = size
    plane = np.full(size, float(rng.uniform(110, 250)), np.float32)
    if rng.random() < 0.6:
        plane += _clouds(size, int(rng.integers(2, 40)), rng) * float(rng.uniform(2, 18))
    if rng.random() < 0.55:
        plane += _guilloche(size, rng) * float(rng.uniform(3, 42))
    if rng.random() < 0.15:
        _overprint(plane, rng)
    if rng.random() < 0.2:
        edge = int(rng.integers(0, height // 5))
        plane[:edge] = float(rng.uniform(20, 250))
    if rng.random() < 0.2:
        edge = int(rng.integers(0, height // 5))
        plane[height - edge :] = float(rng.uniform(20, 250))
    if rng.random() < 0.25:
        side = int(rng.integers(20, 90))
        left = 0 if rng.random() < 0.5 else width - side
        plane[:, left : left + side] = float(rng.uniform(20, 250))
    return plane


def inked(plane: Plane, ink: Plane, rng: Rng) -> Plane:
    """Ink 0 to 1 on paper: from black to barely darker than the paper, seldom lighter."""
    darkness = float(rng.uniform(0.5, 1)) if rng.random() < 0.75 else float(rng.uniform(0.18, 0.5))
    if rng.random() < 0.01:
        return np.asarray(255 - plane * (1 - ink * darkness), np.float32)
    return np.asarray(plane * (1 - ink * darkness), np.float32)


def rule(ink: Plane, rng: Rng) -> None:
    """A line drawn through or along the print, in place: a frame, a scratch, a pen."""
    height, width = ink.shape
    if rng.random() < 0.4:
        y = int(rng.choice((rng.uniform(0.2, 0.36), rng.uniform(0.64, 0.8))) * height)
        ends = (0, y), (width, y + int(rng.normal(0, 3)))
    else:
        x = int(rng.integers(0, width))
        ends = (x, 0), (x + int(rng.normal(0, 60)), height)
    cv2.line(ink, *ends, float(rng.uniform(0.3, 1)), int(rng.integers(1, 4)), cv2.LINE_AA)


def _clouds(size: tuple[int, int], blob_px: int, rng: Rng) -> Plane:
    grid = (size[0] // blob_px + 2, size[1] // blob_px + 2)
    noise = rng.normal(0, 1, grid).astype(np.float32)
    return np.asarray(cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _guilloche(size: tuple[int, int], rng: Rng) -> Plane:
    """Families of wavy fine lines, about 0, at most 0.5 strong."""
    y, x = np.mgrid[: size[0], : size[1]].astype(np.float32)
    plane = np.zeros(size, np.float32)
    for _ in range(int(rng.integers(1, 3))):
        turn = float(rng.uniform(0, math.pi))
        along, across = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn)
        across -= x * math.sin(turn)
        period, wave = float(rng.uniform(5, 30)), float(rng.uniform(30, 250))
        sway = float(rng.uniform(0, 14)) * np.sin(along * (2 * math.pi / wave))
        lines = np.sin((across + sway) * (2 * math.pi / period))
        thin = float(rng.uniform(1, 4))
        plane += np.clip((lines - 1) * thin + 1, -0.5, 0.5) if thin > 2 else lines * 0.5
    return plane


def _overprint(plane: Plane, rng: Rng) -> None:
    """Large pale letters or rings behind the print, in place."""
    height, width = plane.shape
    tone = float(rng.uniform(-50, 40))
    layer = np.zeros(plane.shape, np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.integers(0, width)), int(rng.integers(0, height))
        if rng.random() < 0.5:
            cv2.circle(layer, (x, y), int(rng.integers(20, 120)), 255, int(rng.integers(3, 14)))
        else:
            word = "".join(chr(65 + int(i)) for i in rng.integers(0, 26, 7))
            size = float(rng.uniform(2, 5))
            cv2.putText(layer, word, (x - 200, y + 30), cv2.FONT_HERSHEY_SIMPLEX, size, 255, 9)
    plane += cv2.GaussianBlur(layer, (0, 0), 1.5) * np.float32(tone / 255)
