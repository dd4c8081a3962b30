"""Bounds on what aiortc's SCTP keeps of data that never becomes a whole message.

aiortc 1.16 tells its peer a window of 1 MiB and reassembles up to 64 kB (RFC 8841, section 6.1),
but takes in whatever comes: fragments without a last one, chunks behind a gap that is never filled,
any number of streams. All of it stays in memory, and every new chunk is compared with what waits.
A receiver need not keep what is beyond its window (RFC 9260, section 6.2; RFC 4960, the same); no
honest sender sends it. So who does is not waited for: the association is aborted (RFC 9260,
section 9.1), its data channels close (RFC 8831, section 6.7), and what was kept is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiortc import RTCPeerConnection

from core.log import Log
from media.relied_on import has_all

_log = Log("rtc")
MAX_CHUNKS = 1024
"""Waiting chunks, and gaps: a full window of chunks as browsers send them is some 900."""
MAX_STREAMS = 64
"""Streams that were ever used; a page opens two channels, a session allows sixteen."""
_RELIES_ON = ("_receive_data_chunk", "_inbound_streams", "_advertised_rwnd", "_sack_misordered")


def adapt_sctp(pc: RTCPeerConnection) -> None:
    """Bound the association of ``pc``, where it has one. Must run after the offer was applied.

    An aiortc without what this relies on is left as it is, with a warning.
    """
    sctp: Any = pc.sctp
    if sctp is None:
        return
    if not has_all(sctp, _RELIES_ON, "data channels are unbounded: aiortc has changed"):
        return
    original: Callable[[Any], Any] = sctp._receive_data_chunk

    async def receive_data_chunk(chunk: Any) -> None:
        if pc.connectionState == "closed" or sctp.state == "closed":
            return
        await original(chunk)
        if (excess := _excess(sctp)) is not None:
            _log.warning("x association aborted", excess=excess)
            sctp._inbound_streams.clear()
            sctp._sack_misordered.clear()
            await sctp.stop()

    sctp._receive_data_chunk = receive_data_chunk


def _excess(sctp: Any) -> str | None:
    """What there is too much of, if anything."""
    streams = sctp._inbound_streams
    if len(streams) > MAX_STREAMS:
        return "streams"
    if sctp._advertised_rwnd < 0:
        return "bytes"
    waiting = sum(len(stream.reassembly) for stream in streams.values())
    return "chunks" if max(waiting, len(sctp._sack_misordered)) > MAX_CHUNKS else None
