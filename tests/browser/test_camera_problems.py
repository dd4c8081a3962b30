"""Every camera error has a screen with clear words, and a way on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.kiosk import ALLOWED, DENIED, FAKE_CAMERA, WATCH_PEERS, Kiosk, OpenKiosk

FAIL_ONCE = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
let failed = false;
navigator.mediaDevices.getUserMedia = async (wanted) => {
  if (failed) return real(wanted);
  failed = true;
  throw new DOMException("", "%s");
};
"""
KEEP_STREAM = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => (window.stream = await real(wanted));
"""
ONLY_SMALL = """
const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
window.asked = [];
navigator.mediaDevices.getUserMedia = async (wanted) => {
  window.asked.push(wanted.video.height?.exact ?? 0);
  if (wanted.video.height) throw new OverconstrainedError("height", "");
  return real(wanted);
};
"""
NO_MEDIA_DEVICES = "delete Navigator.prototype.mediaDevices;"
INSECURE = "Object.defineProperty(window, 'isSecureContext', {value: false});"


async def test_denied_camera_leads_on_to_typing(kiosk: OpenKiosk) -> None:
    guest = await kiosk(FAKE_CAMERA, DENIED)
    await guest.do("begin")
    await guest.problem("denied")
    await guest.do("retry")
    await guest.problem("denied")
    await guest.do("manual")
    await guest.screen("review")
    await guest.type_document()
    await guest.page.click("#confirm")
    await guest.screen("card")


async def test_no_camera_leads_on_to_the_specimen(kiosk: OpenKiosk) -> None:
    guest = await kiosk(ALLOWED)
    await guest.do("begin")
    await guest.problem("none")
    await guest.do("specimen")
    await guest.screen("live")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")


@pytest.mark.parametrize(
    ("error", "kind"), [("NotReadableError", "in_use"), ("TypeError", "camera")]
)
async def test_a_camera_that_starts_later(kiosk: OpenKiosk, error: str, kind: str) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(FAIL_ONCE % error,))
    await guest.do("begin")
    await guest.problem(kind)
    await guest.do("retry")
    await guest.screen("live")


async def test_a_camera_pulled_out_in_mid_call(kiosk: OpenKiosk) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(KEEP_STREAM,))
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    await guest.page.evaluate("stream.getTracks()[0].dispatchEvent(new Event('ended'))")
    await guest.problem("gone")
    await guest.do("retry")
    await guest.screen("live")


def holds_cameras(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"video_capture.mojom" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


async def capture_services(guest: Kiosk) -> list[int]:
    """Processes of this guest's browser that hold cameras; other guests have browsers of theirs."""
    browser = guest.page.context.browser
    assert browser is not None
    session = await browser.new_browser_cdp_session()
    told = await session.send("SystemInfo.getProcessInfo")
    await session.detach()
    return [process["id"] for process in told["processInfo"] if holds_cameras(process["id"])]


async def test_a_camera_that_the_system_takes_away(kiosk: OpenKiosk) -> None:
    """No event of ours: the browser itself loses the device, as when its plug is pulled."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED)
    guest.page.set_default_timeout(45_000)
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    [service] = await capture_services(guest)
    os.kill(service, signal.SIGKILL)
    await guest.problem("gone")
    await guest.do("retry")
    await guest.screen("live")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")


HINT = "window.peers[0].getSenders()[0].track.contentHint"


async def test_another_camera_in_the_same_session(kiosk: OpenKiosk) -> None:
    # The second of Chromium's fake cameras gives depth pictures, which no encoder takes.
    guest = await kiosk(f"{FAKE_CAMERA}=device-count=3", ALLOWED, scripts=(WATCH_PEERS,))
    page = guest.page
    await guest.do("begin")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    assert await page.evaluate(HINT) == "detail"
    menu = page.locator(".live [data-camera-choice] select")
    options = await menu.locator("option").evaluate_all("all => all.map((one) => one.value)")
    assert await menu.input_value() == options[0]
    await menu.select_option(options[2])
    shows = """(id) => document.getElementById("preview").srcObject?.getVideoTracks()[0]
      .getSettings().deviceId === id"""
    await page.wait_for_function(shows, arg=options[2])
    before = (await guest.stats())["overlays"]
    await page.wait_for_function(
        "(before) => window.lobbylens.stats.overlays > before + 5", arg=before
    )
    assert (await guest.stats())["reconnects"] == 0
    sent = HINT.replace("contentHint", "getSettings().deviceId")
    assert await page.evaluate(sent) == options[2]
    assert await page.evaluate(HINT) == "detail", "Chromium smooths others before it codes them"
    assert await page.evaluate("localStorage.getItem('lobbylens.camera')") == options[2]
    # The next guest gets it without being asked.
    await page.reload()
    await guest.welcome()
    await guest.do("begin")
    await page.wait_for_function(shows, arg=options[2])


async def test_a_remembered_camera_that_is_gone_gives_way_to_another(kiosk: OpenKiosk) -> None:
    remembered = "localStorage.setItem('lobbylens.camera', 'a-camera-of-last-year');"
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(remembered,))
    await guest.do("begin")
    await guest.screen("live")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")


async def test_sizes_are_tried_from_large_to_any(kiosk: OpenKiosk) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(ONLY_SMALL,))
    await guest.do("begin")
    await guest.screen("live")
    assert await guest.page.evaluate("window.asked") == [2160, 1080, 720, 0]


@pytest.mark.parametrize(
    ("script", "kind"), [(NO_MEDIA_DEVICES, "unsupported"), (INSECURE, "insecure")]
)
async def test_no_camera_access_at_all(kiosk: OpenKiosk, script: str, kind: str) -> None:
    guest = await kiosk(scripts=(script,))
    await guest.do("begin")
    await guest.problem(kind)
    await guest.do("reset")
    await guest.screen("attract")


LAMP = """
window.lamp = [];
MediaStreamTrack.prototype.getCapabilities = () => ({ torch: true });
MediaStreamTrack.prototype.applyConstraints = async function (wanted) {
  window.lamp.push(wanted.advanced[0].torch);
};
"""


async def test_a_lamp_is_offered_where_there_is_one(kiosk: OpenKiosk) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(LAMP,))
    page = guest.page
    await guest.do("begin")
    await page.wait_for_selector("#torch:visible")
    await page.click("#torch")
    await page.click("#torch")
    assert await page.evaluate("window.lamp") == [True, False]
    # It does not burn on while the guest types, nor is it said to be off while it does.
    await page.click("#torch")
    await page.evaluate("document.querySelector('#live-manual').click()")
    await guest.screen("review")
    assert await page.evaluate("window.lamp.slice(2)") == [True, False]
    await guest.do("rescan")
    await page.wait_for_selector("#torch[aria-pressed=false]:visible")
    await guest.do("reset")
    assert await page.is_hidden("#torch")
    assert len(await page.evaluate("window.lamp")) == 4


async def pass_time(page: Page, total_ms: int) -> None:
    """In steps: after a leap the page would take the server for silent, and connect anew."""
    for _ in range(0, total_ms, 500):
        await page.clock.run_for(500)
        await asyncio.sleep(0.03)


async def test_other_ways_are_offered_after_ten_seconds(kiosk: OpenKiosk) -> None:
    """Neither before, nor on the way to a guest whose document is read at once."""
    guest = await kiosk(FAKE_CAMERA, ALLOWED)
    page = guest.page
    await guest.do("begin")
    await page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    assert await page.is_hidden("#torch")
    await page.clock.install()
    await guest.do("reset")
    await guest.welcome()
    await guest.do("begin")
    await guest.screen("live")
    assert await page.is_hidden("#live-shutter")
    await pass_time(page, 5_000)
    assert await page.is_hidden("#live-manual")
    await pass_time(page, 5_100)
    await page.wait_for_selector("#live-shutter:visible")
    await page.wait_for_selector("#live-manual:visible")
    assert "other ways" in await page.inner_text("#live-slow")
    # The shutter gives a result, be there nothing to read: then there is a form to go on with.
    await page.clock.resume()
    await guest.do("shutter")
    await guest.screen("review", timeout_s=40)
    assert "could not be read" in await page.inner_text("#review-lead")


async def test_the_video_of_a_large_camera_is_scaled(kiosk: OpenKiosk) -> None:
    """Four thousand pixels go as stills; the video stays at what encoders keep up with."""
    large = """
    const told = MediaStreamTrack.prototype.getSettings;
    MediaStreamTrack.prototype.getSettings = function () {
      return { ...told.call(this), width: 3840, height: 2160 };
    };
    window.senders = [];
    const set = RTCRtpSender.prototype.setParameters;
    RTCRtpSender.prototype.setParameters = function (parameters) {
      window.senders.push(parameters.encodings[0].scaleResolutionDownBy);
      return set.call(this, parameters);
    };
    """
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(large,))
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 3")
    asked = await guest.page.evaluate("window.senders")
    # First the camera's own size, then what the server asks for while nothing is held.
    assert asked[0] == 2
    assert min(asked) == 2
