"""Silence after the goodbye: nothing is sent on a DTLS association that is being closed.

When aiortc 1.16 stops a transport it sends close_notify, after which nothing may be sent any more
(RFC 5246, section 7.2.1), and ends the association of the data channels a moment later. A chunk
whose turn comes in between is refused by OpenSSL in a task that nobody awaits: the log would call
every such guest's leaving an error.
"""

from __future__ import annotations

from typing import Any

from aiortc import RTCPeerConnection

from media.relied_on import has_all

_RELIES_ON = ("_send_data", "_ssl")


def adapt_farewell(pc: RTCPeerConnection) -> None:
    """Let the data channels of ``pc``, where it has any, fall silent with their transport.

    Must run after the offer was applied. An aiortc without what this relies on is left as it is,
    with a warning.
    """
    transport: Any = pc.sctp.transport if pc.sctp is not None else None
    if transport is None:
        return
    if not has_all(transport, _RELIES_ON, "leaving may be logged as an error: aiortc has changed"):
        return
    original = transport._send_data

    async def send_data(data: bytes) -> None:
        if not transport._ssl.get_shutdown():
            await original(data)

    transport._send_data = send_data
