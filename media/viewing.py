"""A session's eyes: frames in, overlays, guidance, captures and results out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from core.errors import LobbyLensError
from core.log import session_label
from core.settings import EnhanceSettings
from media import messages, reports
from media.ahead import ReadingAhead
from media.channels import Channels, Outlet
from media.corroboration import Corroboration, LateStill
from media.events import BetterPage, Captured, OtherSide, Picture
from media.looks import Looks
from media.profiles import ProfileChooser
from media.review import Reviews
from media.slot import LatestSlot
from media.stills import AwaitedStill, StillDoor
from media.surroundings import Surroundings
from pipeline.types import Capture, CaptureState, Document, Exposure, Observation, Shot

_UNTHINNED = frozenset({CaptureState.HOLDING, CaptureState.CAPTURED})
"""A picture that is about to be taken gets every frame, however busy the server is."""
_TAKEN = frozenset({CaptureState.CAPTURED, CaptureState.READING})


@dataclass(frozen=True, slots=True)
class _Taken:
    """A picture that goes to be read, and the still that may lead it."""

    exposure: Exposure
    still: AwaitedStill | None


class Viewing:
    """Tells what was seen in the newest frames, and has pictures taken and read.

    ``tell`` sends an error; ``moved`` is called when the capture state has changed. The session
    runs ``looks``, ``read`` and ``corroborate``.
    """

    def __init__(
        self,
        around: Surroundings,
        channels: Channels,
        reviews: Reviews,
        *,
        language: str,
        tell: Callable[[LobbyLensError], None],
        moved: Callable[[], None],
    ) -> None:
        self._around = around
        self._metrics = around.metrics
        self._channels = channels
        self._reviews = reviews
        self._language = language
        self._tell = tell
        self._moved = moved
        self._reader = around.engine.live_reader()
        self._captures: LatestSlot[_Taken] = LatestSlot()
        self.stills = StillDoor(around)
        self._ahead = ReadingAhead(around, self._reader)
        self._corroboration = Corroboration(around, channels, reviews)
        self._guidance: messages.GuidanceMessage | None = None
        self._guidance_since_s = 0.0
        self._unshown: Picture | None = None
        """The picture of a side that said nothing by itself."""
        self.state = CaptureState.SEARCHING
        self.document_seen_s = time.monotonic()
        self._profiles = ProfileChooser(around.settings, self.document_seen_s)
        self.looks = Looks(
            around,
            self._reader,
            self._profiles,
            unthinned=lambda: self.state in _UNTHINNED,
            report=self._report,
        )

    @property
    def language(self) -> str:
        """The guest's, as the page last told (BCP 47)."""
        return self._language

    @property
    def outlet(self) -> Outlet | None:
        """The stream that shows its frames here, if one does."""
        return self._channels.outlet

    @property
    def reviews(self) -> Reviews:
        return self._reviews

    @property
    def stable_required(self) -> int:
        return self._reader.stable_required

    @property
    def sides_wanted(self) -> int:
        return self._reader.sides_wanted

    @property
    def resets(self) -> int:
        """How often all was forgotten."""
        return self._reader.resets

    @property
    def busy(self) -> bool:
        """Whether a capture is being taken or read."""
        return self.state in _TAKEN

    async def take(self, shots: Sequence[Shot], filters: EnhanceSettings | None) -> None:
        """Take the picture of frames seen before, and have it read; see ``LiveReader.take``.

        ``filters``: for this picture, in place of the settings' own. Raises CaptureFailed.
        """
        resets = self._reader.resets

        def tell(taken: Exposure) -> None:
            if self._reader.resets != resets:
                return  # Disowned since.
            self._move(self._reader.state)
            self._channels.send_event(reports.capture(None, taken))
            develop = taken.develop
            self._hand_over(replace(taken, develop=lambda: replace(develop(), enhance=filters)))

        await self.looks.in_turn(lambda: self._reader.take(shots, resets), tell)

    def _report(self, seen: Observation, received_ms: float) -> None:
        latency_ms = time.monotonic() * 1000 - received_ms
        self._metrics.overlay_seconds.observe(latency_ms / 1000)
        self._channels.send_overlay(reports.overlay(seen, latency_ms))
        if seen.detection is not None:
            self.document_seen_s = time.monotonic()
        if seen.ahead is not None:
            self._ahead.put(seen.ahead)
        # A reset since the look has disowned it.
        taken = seen.capture if self._reader.state is CaptureState.READING else None
        if taken is not None:
            # A burst may begin and end with one frame; whoever waits for it sends a still.
            self._move(CaptureState.CAPTURED)
        # Not as it was in this frame: a reading may have ended since then.
        self._move(self._reader.state)
        now_s = time.monotonic()
        if self._profiles.saw(seen.detection is not None, seen.state, now_s):
            self._ask_profile()
        elif self._profiles.spare(self._around.load.thinning, self.looks.whole, now_s):
            self._metrics.streams_slowed.inc(self._profiles.spared)
            self._ask_profile()
        if self._guidance is None or self._guidance.code != seen.guidance.code.value:
            self._say(reports.guidance(seen, self._around.texts_in(self._language)))
            since_s = time.monotonic() - received_ms / 1000
            self._metrics.guidance_latency_seconds.observe(since_s)
        if taken is not None:
            self._channels.send_event(reports.capture(seen, taken))
            self._hand_over(taken)

    def _hand_over(self, taken: Exposure) -> None:
        self._captures.put(_Taken(taken, self.stills.hand_over()))

    def _ask_profile(self) -> None:
        self._metrics.profiles.labels(self._profiles.profile.value).inc()
        self._channels.send_event(reports.profile(self._profiles.profile, self._profiles.limits))

    def follows(self, message: messages.FollowProfile) -> None:
        """The client sends what the profiles ask for."""
        self._profiles.follows(message.full_width)

    def _move(self, state: CaptureState) -> None:
        if state is not self.state:
            if state not in _TAKEN:
                self.stills.leave()
            elif not self.busy:
                self.stills.begin()
            self.state = state
            self._metrics.capture_states.labels(state.value).inc()
            self._moved()

    def _say(self, guidance: messages.GuidanceMessage) -> None:
        self.count_guidance()
        self._guidance, self._guidance_since_s = guidance, time.monotonic()
        self._channels.send_event(guidance)

    def count_guidance(self) -> None:
        """Add the time that the present guidance was shown to its metric."""
        if self._guidance is not None:
            now = time.monotonic()
            held_s, self._guidance_since_s = now - self._guidance_since_s, now
            self._metrics.guidance_seconds.labels(self._guidance.code).observe(held_s)

    async def read(self) -> None:
        """Read captures until cancelled, one at a time: a guest who resets and takes pictures
        without end must not keep others waiting, nor pages in memory. What is still held is read
        beside them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ahead.run())
            while True:
                await self._read(await self._captures.get())

    async def corroborate(self) -> None:
        """Compare what pages print with what was read, until cancelled."""
        await self._corroboration.run()

    async def _read(self, taken: _Taken) -> None:
        loop, exposure, still = asyncio.get_running_loop(), taken.exposure, taken.still
        since_s = loop.time()
        try:
            # Not on the threads that look at frames: everybody's outlines would wait for it.
            capture = await loop.run_in_executor(self._around.captures, exposure.develop)
            if exposure.known is not None:
                # Beyond doubt: the guest waits for no still, the second look does.
                self._finish(exposure.known, capture, still)
                return
            if still is not None:
                capture = await still.lead(capture, since_s)
            with self._metrics.reading_seconds.time():
                document = await loop.run_in_executor(
                    self._around.captures, self._around.engine.read, capture
                )
        except LobbyLensError as error:
            if still is not None:
                still.give_up()
            if self._reader.reading_failed(exposure.id):
                self._tell(error)
            # Where no frame follows, nobody else would say that the reading is over.
            self._move(self._reader.state)
            return
        self._finish(document, capture)

    def _finish(
        self, document: Document, capture: Capture, still: AwaitedStill | None = None
    ) -> None:
        shown = self._reader.reading_finished(document)
        if shown is None:
            if still is not None:
                still.give_up()
            if self._reader.kept:
                self._unshown = capture.page
                self._corroboration.put(capture, document, document)
        else:
            known = self._reviews.find(shown.id) is not None
            review = self._reviews.add(shown)
            self._metrics.documents.labels(shown.status.value).inc()
            self._channels.send_event(reports.result(shown))
            self._announce(shown, review.record, capture.page, known)
            better = partial(self._better_page, review.record, known)
            late = None if still is None else LateStill(still, better)
            self._corroboration.put(capture, document, shown, late)
        self._move(self._reader.state)

    def _announce(self, shown: Document, record: str, page: Picture, known: bool) -> None:
        """Tell the listeners: of a document once, of its other side when that is there too."""
        label = session_label.get()
        before, self._unshown = self._unshown, None
        if known:
            self._around.tell(OtherSide(record, label, shown, page))
            return
        self._around.tell(Captured(record, label, shown, page))
        if len(shown.sides) > 1 and before is not None:
            self._around.tell(OtherSide(record, label, shown, before))

    def _better_page(self, record: str, other: bool, page: Picture) -> None:
        self._around.tell(BetterPage(record, page, other))

    def repeat(self) -> None:
        """Tell a client that has just come, or come back, where things stand."""
        self._profiles.restart(time.monotonic())
        self._ask_profile()
        if self._guidance is not None:
            self._channels.send_event(self._guidance)
        for review in self._reviews.all():
            if review.card is None and review.document.was_read:
                self._channels.send_event(self._corroboration.report(review))

    def take_picture(self) -> None:
        """The manual shutter; nothing happens while a capture is under way."""
        if self._reader.request_capture() and self._profiles.want_capture(time.monotonic()):
            self._ask_profile()

    def end(self) -> None:
        """The session is over: forget it all, and report nothing more."""
        self.looks.end()
        self.count_guidance()
        self.reset()

    def reset(self) -> None:
        """Forget what was seen and read."""
        self._reader.reset()
        self._captures.clear()
        self._ahead.clear()
        self.stills.end()
        self._unshown = None
        self._reviews.clear()
        self._corroboration.clear()
        self._move(self._reader.state)

    def configure(self, message: messages.Configure) -> None:
        """Change what a client may change. Raises InvalidMessage naming the field."""
        self._reader.configure(stable_required=message.stable_required, sides=message.sides)
        if message.sides is not None:
            self._unshown = None  # nothing is awaited any more
        if message.language is None:
            return
        self._language = message.language
        if self._guidance is not None:
            text = self._around.texts_in(self._language).get(self._guidance.code, "")
            self._guidance = self._guidance.model_copy(update={"text": text})
            self._channels.send_event(self._guidance)
