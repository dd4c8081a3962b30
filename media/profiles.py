"""Which pictures a sender is asked for: small ones while nothing is held, large ones for a capture.

    profile    asked for when                                  what is asked for
    ---------  ----------------------------------------------  ----------------------------
    tracking   no document has been seen for HOLD_S, or what   small, few, few bits
               was seen has been read
    capture    a document is seen in two frames in a row, or   all that the camera has
               somebody pressed the shutter

A server that is overloaded asks senders without layers that it could leave out for half as many
frames under *tracking* (``spare``).

A sender that follows says how wide its pictures are under *capture*, and a picture is not taken
before they come, or have not come within WAIT_S. One that says nothing is served as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.settings import MediaSettings
from pipeline.types import CaptureState

HOLD_S = 2.0
"""A document lost for less than this is still being held: each change costs a key frame."""
WAIT_S = 0.8
"""How long large pictures are waited for: a key frame of 720p at 1 Mbit/s takes half of it."""
_AS_LARGE = 0.9
"""From this share of the width told on, a picture counts as large: encoders round sizes."""
_SURE_FRAMES = 2
_SPARE_AFTER_S = 1.0
"""A stream in layers has had some left out by then."""


class Profile(StrEnum):
    TRACKING = "tracking"
    CAPTURE = "capture"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a profile asks of a sender; None: whatever it has."""

    max_height: int | None = None
    max_fps: int | None = None
    max_kbps: int | None = None


class ProfileChooser:
    """Chooses one session's profile; pure, given its clock in seconds."""

    def __init__(self, settings: MediaSettings, now_s: float) -> None:
        self._settings = settings
        self._first = Profile.TRACKING if settings.profiles else Profile.CAPTURE
        self.profile = self._first
        self._since_s = self._wanted_s = now_s
        self._seen_frames = 0
        self._full_width_px: int | None = None
        self._whole_since_s: float | None = None
        self._spared = False

    @property
    def limits(self) -> Limits:
        """What the profile in force asks for."""
        if self.profile is Profile.CAPTURE:
            return Limits()
        asked = self._settings
        fps = max(1, asked.tracking_fps // 2) if self._spared else asked.tracking_fps
        return Limits(asked.tracking_height_px, fps, asked.tracking_kbps)

    @property
    def spared(self) -> bool:
        """Whether fewer frames are asked for than usual."""
        return self._spared

    @property
    def followed(self) -> bool:
        """Whether the sender has said that it follows."""
        return self._full_width_px is not None

    def restart(self, now_s: float) -> None:
        """A new peer: nothing is known of what it can do."""
        self._full_width_px = None
        self._seen_frames = 0
        self._since_s = now_s
        self._whole_since_s, self._spared = None, False

    def follows(self, full_width_px: int) -> None:
        """The sender follows, and under *capture* its pictures are this wide."""
        self._full_width_px = full_width_px

    def saw(self, detected: bool, state: CaptureState, now_s: float) -> bool:
        """Take in what was seen in a frame; whether the profile has changed."""
        self._seen_frames = self._seen_frames + 1 if detected else 0
        if state is CaptureState.DONE:
            self._seen_frames = 0
        busy = state in (CaptureState.CAPTURED, CaptureState.READING)
        if busy or self._seen_frames >= _SURE_FRAMES:
            self._wanted_s = now_s
            return self._move(Profile.CAPTURE, now_s)
        if now_s - self._wanted_s < HOLD_S:
            return False
        return self._move(self._first, now_s)

    def want_capture(self, now_s: float) -> bool:
        """Somebody wants a picture now; whether the profile has changed."""
        self._wanted_s = now_s
        return self._move(Profile.CAPTURE, now_s)

    def spare(self, overloaded: bool, whole: bool, now_s: float) -> bool:
        """Whether what *tracking* asks for has changed, under it: for a server that is so busy that
        fewer frames are to be decoded, while the stream is ``whole``, as nothing was left out."""
        if self.profile is not Profile.TRACKING:
            return False
        if not (overloaded and whole) or self._whole_since_s is None:
            self._whole_since_s = now_s
        due = overloaded and (self._spared or now_s - self._whole_since_s > _SPARE_AFTER_S)
        changed, self._spared = due is not self._spared, due
        return changed

    def _move(self, to: Profile, now_s: float) -> bool:
        if to is self.profile:
            return False
        self.profile, self._since_s = to, now_s
        return True

    def full_scale(self, width_px: int, now_s: float) -> float:
        """How many times wider than ``width_px`` the sender's pictures are for a capture.

        1 where none that are wider will come: it never said so, or does not keep its word.
        """
        full_px = self._full_width_px
        if full_px is None or width_px >= _AS_LARGE * full_px:
            return 1.0
        if self.profile is Profile.CAPTURE and now_s - self._since_s > WAIT_S:
            return 1.0
        return full_px / width_px
