"""Pictures of every screen in three sizes: ``python -m tests.browser.screens docs/screens``.

Small files: a palette of colours, and the portrait kiosk at half its size. Beside them the page in
Arabic, Hebrew, Chinese and in the dark, the front desk's own page, and all problems on one sheet.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from tests.browser.conftest import CHROMIUM, QUIET
from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, WEBCAM, Kiosk
from tests.browser.looks import SIZES
from tests.browser.scenery import HOLD, screens
from tests.browser.serving import ROOT

SCALES = {"kiosk": 0.5, "desk": 0.75, "phone": 0.75}
"""Of the pictures, by the name of a size."""
SHEET_COLUMNS = {"kiosk": 6, "desk": 4, "phone": 6}
COLOURS = 64
EVERYWHERE = None
FEW = frozenset({"attract", "start", "live", "review", "review-complaints"})


def shrink(png: bytes, path: Path, scale: float) -> None:
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    size = (round(picture.width * scale), round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.LANCZOS)
    small.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name} {path.stat().st_size // 1024} kB", flush=True)


async def save(page: Page, path: Path, scale: float) -> None:
    shrink(await page.screenshot(animations="disabled"), path, scale)


async def walk(
    browser: Browser,
    url: str,
    folder: Path,
    *,
    size: str,
    language: str = "en",
    scheme: Any = "light",
    only: frozenset[str] | None = EVERYWHERE,
) -> None:
    """One guest's visit at one size, each screen a picture."""
    (width, height), scale = SIZES[size], SCALES[size]
    page = await browser.new_page(
        viewport={"width": width, "height": height},
        locale="en-GB",
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page.set_default_timeout(90_000)
    await page.add_init_script(WEBCAM)
    await page.add_init_script(HOLD)
    await page.goto(url)
    guest = Kiosk(page, url)
    await guest.screen("attract")
    kind = size if scheme == "light" and language == "en" else f"{size}-{language}-{scheme}"
    problems: list[bytes] = []
    async for name in screens(guest, language, slow=only is None):
        if name == "card":
            await page.wait_for_timeout(15_000)  # the browser's own viewer draws in its own time
        if name.startswith("problem-"):
            problems.append(await page.screenshot(animations="disabled"))
        elif only is None or name in only:
            await save(page, folder / f"{name}-{kind}.png", scale)
        if name == "review-help" and only is None:
            await front_desk(browser, url, folder, size)
    if problems:
        shrink(sheet(problems, SHEET_COLUMNS[size]), folder / f"problems-{kind}.png", scale / 2)
    await page.close()


def sheet(pictures: Sequence[bytes], columns: int) -> bytes:
    """Pictures of one size beside and below each other, as a PNG file."""
    drawn = [Image.open(io.BytesIO(each)).convert("RGB") for each in pictures]
    width, height = drawn[0].size
    rows = -(-len(drawn) // columns)
    whole = Image.new("RGB", (columns * width, rows * height), "white")
    for number, each in enumerate(drawn):
        whole.paste(each, (number % columns * width, number // columns * height))
    file = io.BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


async def front_desk(browser: Browser, url: str, folder: Path, size: str) -> None:
    width, height = SIZES[size]
    page = await browser.new_page(viewport={"width": width, "height": height}, locale="en-GB")
    await page.goto(f"{url}/staff")
    await page.click("#list button >> nth=-1")
    await page.wait_for_selector("#log li")
    await save(page, folder / f"staff-{size}.png", SCALES[size])
    await page.close()


async def main(folder: Path, patient: Path) -> None:
    """``patient``: a property's folder whose guests may take their time, as machines do."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "server.py", "--port", "0", "--log-level", "warning"),
        *("--page.specimen", "--page.folder", str(patient)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = line[line.index("http://") :].strip().rstrip("/")
        async with async_playwright() as playwright:
            flags = [*QUIET, FAKE_CAMERA, ALLOWED]
            browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            for size in ("desk", "phone", "kiosk"):
                await walk(browser, url, folder, size=size)
            await walk(browser, url, folder, size="kiosk", language="ar", only=FEW)
            await walk(browser, url, folder, size="desk", language="he", only=FEW)
            await walk(browser, url, folder, size="phone", language="zh", only=FEW)
            await walk(browser, url, folder, size="desk", scheme="dark", only=FEW)
            await walk(browser, url, folder, size="phone", language="de", scheme="dark", only=FEW)
            await browser.close()
    finally:
        process.terminate()
        await process.wait()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        (Path(name) / "page.json").write_text('{"idle_s": 600}')
        asyncio.run(main(target, Path(name)))
