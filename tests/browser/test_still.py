"""The page hands in a full-resolution picture when its picture is taken."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Request, Route

from models.training.specimen_scene import Phases, SpecimenScene, write_y4m
from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, Kiosk, OpenKiosk, Server, play_file
from tests.browser.serving import serving


@pytest.fixture
def server() -> Iterator[Server]:
    """One that waits for a still for as long as a slow machine takes to make it."""
    with serving("--media.still-wait-ms", "5000") as running:
        yield running


def stills(server: Server) -> dict[str, float]:
    """How many stills were awaited, by what became of them."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=5) as answer:  # noqa: S310
        text = answer.read().decode()
    told = re.findall(r'^lobbylens_stills_total{outcome="(\w+)"} (\S+)$', text, re.MULTILINE)
    return {outcome: float(count) for outcome, count in told}


@pytest.fixture
def wide_scene_y4m(tmp_path: Path) -> Iterator[Path]:
    """The same specimen from a camera of 1920x1080, which has 12 frames a second."""
    path = tmp_path / "wide.y4m"
    phases = Phases(empty=0.3, moving_in=0.6, held=2.0, leaving=0.2, empty_after=0.1)
    write_y4m(path, SpecimenScene((1920, 1080), 12, phases=phases))
    yield path
    path.unlink()


async def until_judged(server: Server) -> dict[str, float]:
    """What became of the first still that was awaited."""
    async with asyncio.timeout(20):
        while not (told := stills(server)):
            await asyncio.sleep(0.1)
    return told


def watch_stills(guest: Kiosk) -> list[Request]:
    sent: list[Request] = []
    guest.page.on("request", lambda asked: sent.append(asked) if "/still" in asked.url else None)
    return sent


async def taken(sent: list[Request]) -> None:
    """One was sent, and came while its picture awaited it."""
    async with asyncio.timeout(5):
        while not (sent and await sent[0].response()):
            await asyncio.sleep(0.05)
    assert len(sent) == 1
    answer = await sent[0].response()
    assert answer is not None and answer.status == 200
    assert json.loads(await answer.text()) == {"taken": True}
    assert sent[0].method == "POST" and sent[0].headers["content-type"] == "image/jpeg"


# What a camera in a slow browser takes; the result is there long before.
SLOW_CAMERA = """
const grab = ImageCapture.prototype.grabFrame;
ImageCapture.prototype.grabFrame = async function () {
  await new Promise((resolve) => setTimeout(resolve, 400));
  return grab.call(this);
};
"""


async def test_the_camera_is_not_black_before_the_still_is_taken(
    kiosk: OpenKiosk, server: Server, scene_y4m: Path
) -> None:
    """What was read while the document was held is told at once, and the form comes."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(scene_y4m), scripts=(SLOW_CAMERA,))
    sent = watch_stills(guest)
    await guest.do("begin")
    await guest.screen("review", timeout_s=40)
    await taken(sent)
    assert await until_judged(server) == {"used": 1}
    # It is black then.
    assert not await guest.page.evaluate(
        "document.getElementById('preview').srcObject.getVideoTracks()[0].enabled"
    )


# A link that holds a still for longer than the page waits for the next picture.
LONGER = """
AbortSignal.timeout = (timeout) => {
  const control = new AbortController();
  setTimeout(() => control.abort(), 30_000);
  return control.signal;
};
"""


async def test_a_still_that_takes_too_long_to_send_is_given_up(
    kiosk: OpenKiosk, server: Server, scene_y4m: Path
) -> None:
    """On a slow link it is in the video's way, and nobody waits for it any more."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(scene_y4m))
    held: list[Route] = []  # never let through
    await guest.page.route("**/still?*", lambda route: held.append(route))
    given_up: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
    guest.page.once("requestfailed", lambda asked: given_up.set_result(asked))
    await guest.do("begin")
    await guest.screen("review", timeout_s=40)
    async with asyncio.timeout(6):
        assert "/still" in (await given_up).url
    # The guest notices nothing.
    assert await guest.page.is_enabled("#confirm")


async def test_no_black_still_is_sent_while_the_guest_reads(
    kiosk: OpenKiosk, server: Server, scene_y4m: Path
) -> None:
    """A clerk may press the shutter then; the page's camera is off. Without ImageCapture, as in
    Firefox, its preview would be taken, which is black."""
    guest = await kiosk(
        FAKE_CAMERA, ALLOWED, play_file(scene_y4m), scripts=("delete window.ImageCapture;",)
    )
    sent = watch_stills(guest)
    await guest.do("begin")
    await guest.screen("review", timeout_s=40)
    await taken(sent)
    before = sum((await until_judged(server)).values())
    staff = f"{guest.origin}/api/staff/sessions"
    (session,) = (await (await guest.page.request.get(staff)).json())["sessions"]
    told = await guest.page.request.post(f"{staff}/{session['label']}/picture", data={})
    assert told.status == 204
    async with asyncio.timeout(10):
        while sum(stills(server).values()) == before:
            await asyncio.sleep(0.1)
    assert len(sent) == 1 and stills(server)["late"] == 1


async def test_a_still_that_comes_with_the_next_picture_is_not_that_one_s(
    kiosk: OpenKiosk, server: Server, scene_y4m: Path
) -> None:
    """What it shows is another document, or another side."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(scene_y4m), scripts=(LONGER,))
    sent = watch_stills(guest)
    next_one, let_through = asyncio.Event(), asyncio.Event()

    async def slow(route: Route) -> None:
        if next_one.is_set():
            let_through.set()
            await sent[0].response()
        else:
            await next_one.wait()
            await let_through.wait()
        await route.continue_()

    await guest.page.route("**/still?*", slow)
    await guest.do("begin")
    await guest.screen("review", timeout_s=40)
    assert len(sent) == 1
    next_one.set()
    await guest.do("rescan")
    await guest.screen("live")
    await guest.screen("review", timeout_s=40)
    async with asyncio.timeout(10):
        while len(sent) < 2:
            await asyncio.sleep(0.05)
        answers = [await each.response() for each in sent]
    told = [json.loads(await answer.text())["taken"] for answer in answers if answer]
    assert told == [False, True]


async def test_a_still_of_all_the_camera_s_pixels_goes_with_the_picture(
    kiosk: OpenKiosk, server: Server, wide_scene_y4m: Path
) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(wide_scene_y4m))
    sent = watch_stills(guest)
    await guest.do("begin")
    await guest.screen("review", timeout_s=40)
    await taken(sent)
    assert sum((await until_judged(server)).values()) == 1
    size = await guest.page.evaluate("""async () => {
      const { grabStill, jpegOf } = await import("/static/js/still.js");
      const video = document.getElementById("preview");
      const track = video.srcObject.getVideoTracks()[0];
      track.enabled = true;
      const jpeg = await jpegOf(await grabStill(track, video));
      const head = new Uint8Array(await jpeg.slice(0, 3).arrayBuffer());
      const picture = await createImageBitmap(jpeg);
      return [picture.width, picture.height, jpeg.size, ...head];
    }""")
    assert size[:2] == [1920, 1080] and size[2] > 20_000 and size[3:] == [0xFF, 0xD8, 0xFF]
