"""What the page sends, as the browser itself counts it: small and seldom, then all there is."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from models.training.specimen_scene import Phases, SpecimenScene, write_y4m
from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, WATCH_PEERS, Kiosk, OpenKiosk, play_file

ENCODING = "window.peers[0].getSenders()[0].getParameters().encodings[0]"
WIDTHS = """
window.widths = [];
window.indices = [];
const open = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...values) {
  const channel = open.apply(this, values);
  channel.addEventListener('message', ({data}) => {
    const message = JSON.parse(data);
    if (message.type === 'overlay') {
      window.widths.push(message.frame.width);
      window.indices.push(message.frame.index);
    }
  });
  return channel;
};
"""


async def encoding(kiosk: Kiosk, **wanted: object) -> dict[str, Any]:
    """The sender's encoding, once it has these values."""
    async with asyncio.timeout(10):
        while True:
            found: dict[str, Any] = await kiosk.page.evaluate(ENCODING)
            if all(found.get(name) == value for name, value in wanted.items()):
                return found
            await asyncio.sleep(0.02)


async def test_small_pictures_until_a_document_is_held(kiosk: OpenKiosk, scene_y4m: Path) -> None:
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(scene_y4m), scripts=(WATCH_PEERS, WIDTHS))
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.peers.length")
    small = await encoding(guest, scaleResolutionDownBy=2)
    assert (small["maxFramerate"], small["maxBitrate"]) == (12, 500_000)
    assert small["scalabilityMode"] == "L1T3", "layers that a busy server can leave out"
    large = await encoding(guest, scaleResolutionDownBy=1)
    assert not {"maxFramerate", "maxBitrate"} & large.keys()
    await guest.screen("review", timeout_s=30)
    widths = await guest.page.evaluate("window.widths")
    assert {640, 1280} <= set(widths)
    after = widths[len(widths) - widths[::-1].index(640) :] if 640 in widths else widths
    assert after and set(after) == {1280}, "the picture is taken while large ones come"
    marks = (await guest.stats())["marks"]
    assert marks["profile_tracking"] < marks["profile_capture"] < marks["result"]


# Which frames were looked at: every other one, a dozen times; then neighbours again. Not every
# neighbour: a machine that is busy leaves some out, and the picture may be taken at once.
EVERY_OTHER = """() => {
  const last = window.indices.slice(-12), other = (index, n) => !n || index - last[n - 1] === 2;
  return last.length === 12 && last.every(other) && (window.indices = last.slice(-1));
}"""
NEIGHBOURS = "() => window.indices.filter((index, n, all) => index - all[n - 1] === 1).length >= 3"


SENT_IN_A_SECOND = """async () => {
  const sent = async () => {
    const stats = [...(await window.peers[0].getStats()).values()];
    return stats.find((each) => each.type === "outbound-rtp");
  };
  const before = await sent();
  await new Promise((done) => setTimeout(done, 1500));
  const after = await sent(), seconds = (after.timestamp - before.timestamp) / 1000;
  const bytes = (each) => each.bytesSent + each.headerBytesSent;
  const kbits = (bytes(after) - bytes(before)) / 125;
  return [(after.framesSent - before.framesSent) / seconds, kbits / seconds, after.frameHeight];
}"""
"""Frames a second, kbit/s, and the height of the last."""


async def test_an_empty_desk_costs_half_until_something_comes(
    kiosk: OpenKiosk, tmp_path: Path
) -> None:
    """Every other frame is left undecoded, by the layers that a real browser codes."""
    film = tmp_path / "desk.y4m"
    scene = SpecimenScene(size=(640, 360), phases=Phases(empty=7, moving_in=0.5, held=1, leaving=0))
    await asyncio.to_thread(write_y4m, film, scene)
    guest = await kiosk(FAKE_CAMERA, ALLOWED, play_file(film), scripts=(WATCH_PEERS, WIDTHS))
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.indices.length > 5")
    frames, kbits, height_px = await guest.page.evaluate(SENT_IN_A_SECOND)
    assert 10 <= frames <= 13.5 and kbits <= 520 and height_px == 360, "as it was asked to"
    await guest.page.wait_for_function(EVERY_OTHER)
    await guest.page.wait_for_function(NEIGHBOURS)
    film.unlink()


SENT = """async () => {
  const stats = [...(await window.peers[0].getStats()).values()];
  const { framesSent, frameWidth } = stats.find((each) => each.type === "outbound-rtp");
  return [framesSent, frameWidth];
}"""


async def test_a_guest_who_types_sends_next_to_nothing(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS,))
    await guest.do("manual")
    await guest.page.wait_for_function("() => 'connected' in window.lobbylens.stats.marks")
    first, _ = await guest.page.evaluate(SENT)
    await asyncio.sleep(2)
    sent, width = await guest.page.evaluate(SENT)
    assert 1 <= sent - first <= 6 and width == 320


async def test_a_guest_who_reads_what_was_read_sends_next_to_nothing(kiosk: OpenKiosk) -> None:
    guest = await kiosk(scripts=(WATCH_PEERS,))
    await guest.do("specimen")
    await guest.screen("review", timeout_s=30)
    first, _ = await guest.page.evaluate(SENT)
    await asyncio.sleep(2)
    sent, _ = await guest.page.evaluate(SENT)
    assert 1 <= sent - first <= 8
