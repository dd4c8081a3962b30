"""Silence after the goodbye: what aiortc 1.16 has under way when a peer connection is closed.

Its parts are ended one after the other, and each gives way to the event loop, so that another may
have its turn meanwhile:

- Nothing may be sent once close_notify was (RFC 5246, section 7.2.1). A chunk whose turn comes then
  is refused by OpenSSL in a task that nobody awaits: the log would call every such guest's leaving
  an error.
- A retransmission whose turn comes when the data channels' association is closed starts its timer
  (T3-rtx, RFC 9260, section 6.3.2) anew, each time that it expires, and holds all that there was.
- A handshake that ends then begins to receive, with a thread and a task, and nobody ends them.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from aiortc import RTCPeerConnection

from media.relied_on import has_all

_Act = Callable[..., Coroutine[Any, Any, None]]
_OF_TRANSPORT = ("_send_data", "_ssl")
_OF_ASSOCIATION = ("_t3_restart", "_t3_start", "start", "state")
_CHANGED = "who leaves may leave something behind: aiortc has changed"


def adapt_farewell(pc: RTCPeerConnection) -> None:
    """Let nothing of ``pc`` be sent, armed or begun once it is closed.

    Must run after the offer was applied. An aiortc without what this relies on is left as it is,
    with a warning.
    """

    def is_closed() -> bool:
        return pc.signalingState == "closed"

    for transceiver in pc.getTransceivers():
        receiver: Any = transceiver.receiver
        if has_all(receiver, ("receive",), _CHANGED):
            receiver.receive = _unless(is_closed, receiver.receive)
    sctp: Any = pc.sctp
    if sctp is None:
        return
    if has_all(sctp, _OF_ASSOCIATION, _CHANGED):
        sctp.start = _unless(is_closed, sctp.start)
        for name in ("_t3_restart", "_t3_start"):
            setattr(sctp, name, _while_open(sctp, getattr(sctp, name)))
    transport: Any = sctp.transport
    if has_all(transport, _OF_TRANSPORT, "leaving may be logged as an error: aiortc has changed"):
        # It has no _ssl before its handshake.
        transport._send_data = _unless(
            lambda: bool(transport._ssl.get_shutdown()), transport._send_data
        )


def _unless(ended: Callable[[], bool], act: _Act) -> _Act:
    async def do(*given: Any) -> None:
        if not ended():
            await act(*given)

    return do


def _while_open(sctp: Any, arm: Callable[[], None]) -> Callable[[], None]:
    def start() -> None:
        if sctp.state != "closed":
            arm()

    return start
