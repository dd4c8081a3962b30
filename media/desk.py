"""What the front desk sees of a session, and how it helps.

The stream that a clerk watches holds states, codes and names of fields: never a value of the
guest's, the session's secret id, or an address with it. Values are given once, when a clerk takes
over the form, and the guest's page is told of that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from core.errors import InvalidMessage, Overloaded
from media import messages
from media.channels import Channels
from media.review import Reviews
from media.viewing import Viewing
from media.watching import Feed
from pipeline.types import GuidanceCode

_WATCHERS = 4
_WAITING = 64

Notice = dict[str, Any]
"""One masked message, ready for JSON; ``ts_ms`` is the server's clock, as in the protocol."""

_SHOWN: dict[type[messages.ServerMessage], frozenset[str]] = {
    messages.GuidanceMessage: frozenset({"code", "severity"}),
    messages.StateMessage: frozenset({"capture", "session"}),
    messages.CaptureMessage: frozenset({"document_id", "side", "trigger"}),
    messages.ResultMessage: frozenset({"document_id", "status", "warnings"}),
    messages.ConfirmedMessage: frozenset({"document_id", "edited"}),
    messages.ErrorMessage: frozenset({"code", "category"}),
    messages.HintMessage: frozenset({"code"}),
    messages.FormMessage: frozenset({"holder"}),
}


def masked(message: messages.ServerMessage) -> Notice | None:
    """What a clerk may see of a message; None for one that is none of the desk's business."""
    shown = _SHOWN.get(type(message))
    if shown is None:
        return None
    notice: Notice = {"type": message.type, **message.model_dump(include=set(shown))}
    if isinstance(message, messages.ResultMessage):
        notice["format"] = message.document.get("format")
        notice["fields"] = {name: field.status for name, field in message.fields.items()}
    return notice


class Desk:
    """One session as the front desk meets it."""

    def __init__(self, channels: Channels, viewing: Viewing, reviews: Reviews) -> None:
        self._channels = channels
        self._viewing = viewing
        self._reviews = reviews
        self._born_s = time.monotonic()
        self._latest: dict[str, Notice] = {}
        self._watchers: set[asyncio.Queue[Notice | None]] = set()
        self._reviewing: str | None = None
        """The document in the guest's form, if the client says so."""
        channels.overheard = self._overhear

    def _overhear(self, message: messages.ServerMessage) -> None:
        notice = masked(message)
        if notice is None:
            return
        notice["ts_ms"] = int(time.time() * 1000)
        if not (isinstance(message, messages.ResultMessage) and message.revised):
            # The latest comes last: a log is told in its order. What is merely said again stays.
            self._latest.pop(message.type, None)
        self._latest[message.type] = notice
        for queue in self._watchers:
            self._offer(queue, notice)

    @staticmethod
    def _offer(queue: asyncio.Queue[Notice | None], notice: Notice | None) -> None:
        if queue.full():
            queue.get_nowait()  # the oldest falls: a clerk needs to know how things stand now
        queue.put_nowait(notice)

    def overview(self) -> Notice:
        """A line for the list of sessions; ``age_s`` in seconds."""
        state = self._latest.get("state", {})
        told = [kind for kind in self._latest if kind in ("result", "confirmed")]
        return {
            "age_s": int(time.monotonic() - self._born_s),
            "language": self._viewing.language,
            "session": state.get("session", "new"),
            "capture": state.get("capture", "searching"),
            "guidance": self._latest.get("guidance", {}).get("code"),
            "result": self._latest.get("result", {}).get("status"),
            # Of a family: whether who was read last has confirmed, not the one before.
            "confirmed": told[-1:] == ["confirmed"],
            "documents": len(self._reviews.all()),
        }

    @contextmanager
    def watch(self) -> Iterator[asyncio.Queue[Notice | None]]:
        """Notices as they come, after the latest of each kind; None is the end.

        Raises Overloaded where several clerks watch this session already.
        """
        if len(self._watchers) >= _WATCHERS:
            raise Overloaded("enough screens watch this session: close one of them", 5)
        queue: asyncio.Queue[Notice | None] = asyncio.Queue(_WAITING)
        for notice in self._latest.values():
            queue.put_nowait(notice)
        self._watchers.add(queue)
        try:
            yield queue
        finally:
            self._watchers.discard(queue)

    def hint(self, code: str | None, text: str) -> None:
        """Show the guest a hint: a guidance code, which the page translates, or a text.

        Raises InvalidMessage for a code that is none, without a text to show in its place.
        """
        if code is not None and not text and code not in GuidanceCode.__members__:
            raise InvalidMessage("a hint's code is one of those in docs/guidance.md", "code")
        self._channels.send_event(messages.HintMessage(code=code, text=text), unasked=True)

    def take_picture(self) -> None:
        self._viewing.take_picture()

    @property
    def taken_back(self) -> bool:
        """Whether the guest has the form again that a clerk had."""
        return self._latest.get("form", {}).get("holder") == "guest"

    def take_form(self) -> tuple[str | None, dict[str, str]]:
        """Take over the form: id and values of the document that it shows, or (None, {}) for
        typing.

        The guest's page is told, and shows it. Of a client that does not say what it shows it is
        the newest document that waits to be confirmed: one before it in a family is done with.
        """
        self._channels.send_event(messages.FormMessage(holder="clerk"), unasked=True)
        waiting = [each for each in self._reviews.all() if each.card is None]
        shown = self._reviews.find(self._reviewing) if self._reviewing else None
        review = shown or (waiting[-1] if waiting else None)
        if review is None:
            return None, {}
        read = {name: field.value or "" for name, field in review.document.fields.items()}
        return review.document.id, {**read, **review.confirmed}

    def give_back_form(self) -> None:
        """The guest fills in the form again; the guest's page and whoever watches are told."""
        if self._latest.get("form", {}).get("holder") == "clerk":
            self._channels.send_event(messages.FormMessage(holder="guest"), unasked=True)

    def configure(self, message: messages.Configure) -> None:
        """What the client changes, and the form, if it takes that back. Raises InvalidMessage."""
        self._viewing.configure(message)
        if "reviewing" in message.model_fields_set:
            self._reviewing = message.reviewing
        if message.form == "guest":
            self.give_back_form()

    def say(self, message: messages.ServerMessage) -> None:
        """Tell the guest's page, and whoever watches."""
        self._channels.send_event(message)

    def say_confirmed(self, message: messages.ConfirmedMessage) -> None:
        """Tell them what a clerk has confirmed, which the page did not ask for."""
        self._channels.send_event(message, unasked=True)

    def note(self, message: messages.ServerMessage) -> None:
        """Tell whoever watches of what the client was told by other means."""
        self._overhear(message)
        self.feed.event(message)

    @property
    def feed(self) -> Feed:
        """The whole messages, for those who may have them."""
        return self._channels.feed

    def reset(self) -> None:
        """The guest begins anew: all that was seen and read is forgotten, and nothing of it is
        shown to anybody, nor held by a clerk."""
        self._viewing.reset()
        self.give_back_form()
        self.feed.forget()
        self._channels.forget()
        # Who holds the form is told on: a clerk whose connection was broken would keep it open.
        for kind in ("capture", "result", "confirmed", "error"):
            self._latest.pop(kind, None)

    def close(self) -> None:
        """The session is over: every stream ends."""
        for queue in self._watchers:
            self._offer(queue, None)
