"""From the decoder's thread to the event loop: no picture is lost on the way, or overtaken."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

from media.decoding import Handover, Shortcut


async def test_what_cannot_be_taken_goes_the_long_way_to_whoever_reads_the_track() -> None:
    place: asyncio.Queue[Any] = asyncio.Queue()

    def fail(picture: Any) -> None:
        raise ValueError(picture)

    shortcut = Shortcut(fail)
    handover = Handover(asyncio.get_running_loop(), lambda: place, lambda count: None, shortcut)
    handover.put("odd")
    await asyncio.sleep(0)
    assert place.get_nowait() == "odd" and shortcut.take is None


async def test_no_picture_overtakes_one_that_is_being_handed_over() -> None:
    looked: list[object] = []
    shortcut = Shortcut(look=looked.append)
    place: asyncio.Queue[Any] = asyncio.Queue()
    handover = Handover(asyncio.get_running_loop(), lambda: place, lambda count: None, shortcut)
    taken: list[object] = []

    def take(picture: object) -> None:
        if picture == "older":
            handover.put("newer", newest=True)  # as the decoder's thread may at this moment
        taken.append(picture)

    shortcut.take = take
    handover.put("older")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (taken, looked) == (["older", "newer"], [])
    handover.put("last", newest=True)
    assert looked == ["last"]


class Calls:
    """An event loop that does what it is told when the test says so."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def call_soon_threadsafe(self, call: Callable[[], None]) -> None:
        self._waiting.append(call)

    def run(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()


def test_nor_one_that_is_just_being_taken_out() -> None:
    """The decoder's thread comes in between, while the older one is on its way to the loop."""
    order: list[tuple[str, object]] = []
    decoders: list[threading.Thread] = []

    class Interrupted(Handover):
        @property
        def _newest(self) -> Any:
            return vars(self).get("kept")

        @_newest.setter
        def _newest(self, picture: Any) -> None:
            before, vars(self)["kept"] = vars(self).get("kept"), picture
            if before == "older" and not decoders:
                decoders.append(threading.Thread(target=self.put, args=("newer", True)))
                decoders[0].start()
                # Either it is done at once, or it waits for the lock that this thread holds.
                decoders[0].join(0.2)

    shortcut = Shortcut(
        take=lambda picture: order.append(("taken", picture)),
        look=lambda picture: order.append(("looked at", picture)),
    )
    loop, place = Calls(), asyncio.Queue[Any]()
    handover = Interrupted(cast(Any, loop), lambda: place, lambda count: None, shortcut)
    handover.put("older")
    loop.run()
    decoders[0].join()
    loop.run()
    assert order == [("taken", "older"), ("taken", "newer")]
