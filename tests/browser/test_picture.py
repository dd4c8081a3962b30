"""The picture that the guest sees while a document is followed: each frame with its own outline."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.kiosk import ALLOWED, FAKE_CAMERA, OpenKiosk

COPIES = """async ([slow, convertible]) => {
  const { Copier, Room } = await import("/static/js/copier.js");
  const { show } = await import("/static/js/frames.js");
  const [width, height] = [640, 360];
  const drawn = Object.assign(document.createElement("canvas"), { width, height });
  const pen = drawn.getContext("2d");
  const colours = pen.createLinearGradient(0, 0, width, height);
  ["#20e0d0", "#f04010", "#e8e8ff"].forEach((name, at) => colours.addColorStop(at / 2, name));
  pen.fillStyle = colours;
  pen.fillRect(0, 0, width, height);
  const video = Object.assign(document.createElement("video"), { muted: true });
  video.srcObject = drawn.captureStream(0);
  const [track] = video.srcObject.getVideoTracks();
  const shown = new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const playing = video.play();
  track.requestFrame();
  await Promise.all([shown, playing]);
  if (!convertible) VideoFrame.prototype.allocationSize = () => 1.5 * width * height;
  // A clock of its own tells the copier how long each draw took.
  const clock = performance.now;
  let now = 0;
  performance.now = () => (now += slow ? 10 : 0.1);
  const copier = new Copier(video);
  const slots = [0, 1, 2, 3].map(() => ({ picture: null, room: new Room() }));
  for (const slot of slots) {
    copier.copy(slot, { width, height });
    for (let turn = 0; turn < 100 && !slot.picture; turn++)
      await new Promise((go) => setTimeout(go, 10));
  }
  performance.now = clock;
  const pixels = slots.map(({ picture }) => {
    const context = new OffscreenCanvas(width, height).getContext("2d", { alpha: false });
    show(context, picture);
    return context.getImageData(0, 0, width, height).data;
  });
  const most = (values) => values.reduce((a, b) => Math.max(a, b), 0);
  const apart = pixels.map((each) => most(each.map((value, i) => Math.abs(value - pixels[0][i]))));
  const kinds = slots.map(({ picture }) => picture.constructor.name);
  const { picture, room } = slots[3];
  room.wipe();
  track.stop();
  return {
    kinds,
    apart: Math.max(...apart),
    spread: most(pixels[0].filter((value, i) => i % 4 === 2)) - pixels[0][2 + 4 * (width / 2)],
    left: picture.data ? most(picture.data) : picture.width,
  };
}"""


@pytest.mark.parametrize(
    ("slow", "convertible", "kind"),
    [
        (True, True, "ImageData"),
        (False, True, "HTMLCanvasElement"),
        (True, False, "HTMLCanvasElement"),
    ],
)
async def test_frames_are_copied_the_cheaper_way_with_the_same_pixels(
    kiosk: OpenKiosk, slow: bool, convertible: bool, kind: str
) -> None:
    guest = await kiosk()
    told: dict[str, Any] = await guest.page.evaluate(COPIES, [slow, convertible])
    assert told["kinds"] == ["HTMLCanvasElement"] * 2 + [kind] * 2
    assert told["spread"] > 50, "there is a picture"
    assert told["apart"] <= 2
    assert told["left"] == 0, "a picture that was wiped is gone"


async def test_a_document_is_shown_in_the_frame_that_it_was_found_in(kiosk: OpenKiosk) -> None:
    """On an opaque canvas over the video, which is not drawn beneath it; then the video again."""
    guest = await kiosk()
    page = guest.page
    await guest.do("specimen")
    look = await page.wait_for_function(
        """() => {
          const still = document.getElementById("still");
          const video = document.getElementById("preview");
          if (still.hidden || !still.parentElement.matches(".covered")) return null;
          const { width, height } = still;
          const data = still.getContext("2d").getImageData(0, 0, width, height).data;
          return {
            ratio: (width / height) / (video.videoWidth / video.videoHeight),
            width,
            brightest: data.reduce((most, value, i) => Math.max(most, i % 4 === 1 ? value : 0)),
            video: getComputedStyle(video).opacity,
            outline: getComputedStyle(document.getElementById("outline")).display,
          };
        }""",
        timeout=30_000,
    )
    seen: dict[str, Any] = await look.json_value()
    assert abs(seen["ratio"] - 1) < 0.01
    assert seen["width"] >= 300
    assert seen["brightest"] > 150
    assert (seen["video"], seen["outline"]) == ("0", "none")
    await guest.screen("review", timeout_s=60)
    left = await page.evaluate(
        "[...document.querySelectorAll('#picture-box canvas')].map((c) => [c.width, c.hidden])"
    )
    assert left == [[1, True], [1, True]]
    assert "covered" not in (await page.get_attribute("#picture-box", "class") or "")
    assert guest.complaints == []


async def test_no_frame_is_copied_while_no_document_is_seen(kiosk: OpenKiosk) -> None:
    count = """
    window.copies = 0;
    const draw = CanvasRenderingContext2D.prototype.drawImage;
    CanvasRenderingContext2D.prototype.drawImage = function (source, ...rest) {
      if (source instanceof HTMLVideoElement) window.copies += 1;
      return draw.call(this, source, ...rest);
    };
    """
    guest = await kiosk(FAKE_CAMERA, ALLOWED, scripts=(count,))
    await guest.do("begin")
    await guest.page.wait_for_function("() => window.lobbylens.stats.overlays > 12", timeout=30_000)
    assert (await guest.stats())["matched"] > 0, "the times of frames are kept all the same"
    assert await guest.page.evaluate("window.copies") == 0
    await guest.do("reset")
    await guest.welcome()
    await guest.do("specimen")
    await guest.page.wait_for_function("() => window.copies > 0", timeout=30_000)
