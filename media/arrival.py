"""RTP from the socket to the jitter buffer in one step.

aiortc 1.16 puts each datagram into a queue, wakes a task for it, and goes through six coroutines
that never wait for anything before the packet is where it belongs. For a small stream that is more
than the work itself. Here a packet of the video that is received (RFC 3550, 5.1) is taken at once.
Whatever is not plainly one of these goes on by aiortc's own way: the first of each stream, by which
aiortc learns whose it is, what was sent again (RFC 4588), padding, RTCP, DTLS, and anything odd.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from struct import Struct
from typing import TYPE_CHECKING, Any

import pylibsrtp
from aiortc import RTCRtpReceiver

from core.log import Log
from media.bitstreams import vp8_in
from media.reception import puts_content_beside
from media.relied_on import are_there, from_module, has_all

if TYPE_CHECKING:
    from aiortc.codecs import depayload, is_rtx
    from aiortc.rtcdtlstransport import State
    from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci
else:
    depayload, is_rtx = from_module("aiortc.codecs", "depayload", "is_rtx")
    (State,) = from_module("aiortc.rtcdtlstransport", "State")
    RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci = from_module(
        "aiortc.rtp", "RTCP_PSFB_APP", "RtcpPsfbPacket", "pack_remb_fci"
    )

_log = Log("rtc")
_CHANGED = "aiortc has changed: each packet takes the long way"
_RECEIVER = "_RTCRtpReceiver__"
_OF_RECEIVER = (
    *("_enabled", "_send_rtcp", "_send_rtcp_nack", "_send_rtcp_pli"),
    *(
        f"{_RECEIVER}{name}"
        for name in (
            *("codecs", "decoder_queue", "decoder_thread", "jitter_buffer"),
            *("nack_generator", "remote_bitrate_estimator", "remote_streams", "rtcp_ssrc"),
            "timestamp_mapper",
        )
    ),
)
_OF_TRANSPORT = (
    *("_handle_rtcp_data", "_handle_rtp_data", "_rx_srtp", "_state", "_rtp_router"),
    *("_rtp_header_extensions_map", "transport"),
)
_IDS = "_HeaderExtensionsMap__ids"

_HEADER = Struct("!BBHLL")
_EXTENSION = Struct("!HH")
_PLAIN, _EXTENDED = 0x80, 0x90
"""First octets of RTP version 2 without padding and contributing sources."""
_RTP = range(128, 192)
"""First octets of RTP and RTCP (RFC 7983, section 7)."""
_RTCP = range(192, 209)
"""Their second octets (RFC 5761, section 4), as aiortc has it."""
_RTCP_HEADER_BYTES = 8
"""Up to the SSRC of who reports (RFC 3550, section 6.4), which is not encrypted (RFC 3711, 3.4)."""
_ONE_BYTE = 0xBEDE
"""The header extension of RFC 8285, section 4.2."""
_LONGEST_BYTES = 1500
"""That pylibsrtp has room for. Whoever knows the port may send more, without any key, and aiortc
would end the connection over it, as over one without any byte."""
_MOST_STREAMS = 16
_SENT_BYTES = 3
_NTP_EPOCH_MS = 2_208_988_800_000
"""Of aiortc's clock, before the epoch of time.time()."""


class Packet:
    """What is needed of an RTP packet by those who get it; has names of aiortc's RtpPacket."""

    __slots__ = ("_data", "marker", "payload", "sequence_number", "timestamp")

    def __init__(self, marker: int, sequence_number: int, timestamp: int, payload: bytes) -> None:
        self.marker = marker
        self.sequence_number = sequence_number
        self.timestamp = timestamp
        self.payload = payload
        self._data = b""


class Arrival:
    """Takes datagrams in the place of an aioice connection's ``data_received``."""

    def __init__(self, receiver: RTCRtpReceiver, transport: Any, connection: Any) -> None:
        """``transport``: the DTLS transport above ``connection`` that the receiver is part of."""
        self._inside: Any = receiver
        self._transport = transport
        self._long_way: Callable[[bytes, int], None] = connection.data_received
        self._queue = connection._queue
        self._overtakes = False
        """Whether packets wait there: what came later would be before them on the short way."""
        self._short = True
        self._codecs: dict[tuple[int, int], Any] = {}
        """Of streams that aiortc knows, by payload type and SSRC."""
        self._telling: set[asyncio.Task[None]] = set()
        self._reporters: set[bytes] = set()
        self._senders: set[bytes] = set()
        """SSRCs that reports and media were of, and none that was merely said to be."""

    def data_received(self, data: bytes, component: int) -> None:
        """One datagram; never raises."""
        if not 0 < len(data) <= _LONGEST_BYTES:
            return
        if self._overtakes and self._queue.empty():
            self._overtakes = False
        try:
            short = self._short and not self._overtakes and len(data) > _HEADER.size
            if (short and self._takes(data)) or self._is_one_too_many(data):
                return
        except Exception as error:
            _log.crash("x packet", error)
            self._short = False
        self._overtakes = self._overtakes or data[0] in _RTP
        self._long_way(data, component)

    def _is_one_too_many(self, data: bytes) -> bool:
        """Whether it begins another stream, or one of reports, of which there are enough: aiortc
        and libsrtp keep each, libsrtp looks through all of them with each packet, and a report on
        more than 31 (RFC 3550, 6.4.2) would end all of them."""
        if data[0] not in _RTP or len(data) < _RTCP_HEADER_BYTES:
            return False
        if data[1] in _RTCP:
            return data[4:8] not in self._reporters and len(self._reporters) >= _MOST_STREAMS
        if len(data) < _HEADER.size:
            return False
        if data[8:12] in self._senders:
            return False
        types = self._transport._rtp_router.payload_type_table
        if not types:
            # What comes with the last of the handshake is before the receiver, and waits for it.
            return False
        return (data[1] & 0x7F) not in types or len(self._senders) >= _MOST_STREAMS

    def reported(self, packet: bytes) -> None:
        """An RTCP packet came, and was authentic."""
        self._reporters.add(packet[4:8])

    def sent(self, packet: bytes) -> None:
        """An RTP packet came the long way, and was authentic, whether or not it can be read."""
        self._senders.add(packet[8:12])

    def _takes(self, data: bytes) -> bool:
        """Whether ``data`` need not go any other way; it is dealt with then."""
        first, marked, number, timestamp, ssrc = _HEADER.unpack_from(data)
        start, extended = _HEADER.size, first == _EXTENDED
        if not extended and first != _PLAIN:
            return False
        kind = marked & 0x7F
        codec = self._codecs.get((kind, ssrc)) or self._known(kind, ssrc)
        transport, inside = self._transport, self._inside
        if codec is None or transport._state is not State.CONNECTED:
            return False
        if extended:
            # It is not encrypted (RFC 3711, section 3.1).
            if len(data) < start + _EXTENSION.size:
                return False
            profile, words = _EXTENSION.unpack_from(data, start)
            if profile != _ONE_BYTE:
                return False
            start += _EXTENSION.size + 4 * words
        try:
            plain: bytes = transport._rx_srtp.unprotect(data)
        except pylibsrtp.Error:
            return True
        ended = inside._RTCRtpReceiver__decoder_thread is None
        if ended or not inside._enabled or start > len(plain):
            return True
        payload = plain[start:]
        if extended:
            self._estimate(plain, start, len(payload), ssrc)
        self._sort_in(codec, ssrc, Packet(marked >> 7, number, timestamp, payload))
        return True

    def _known(self, payload_type: int, ssrc: int) -> Any:
        """The codec of a stream that aiortc has met before; None for others."""
        inside = self._inside
        codec = inside._RTCRtpReceiver__codecs.get(payload_type)
        if (
            codec is None
            or is_rtx(codec)
            or self._transport._rtp_router.ssrc_table.get(ssrc) is not inside
            or ssrc not in inside._RTCRtpReceiver__remote_streams
            or len(self._codecs) >= _MOST_STREAMS
        ):
            return None
        self._codecs[payload_type, ssrc] = codec
        return codec

    def _estimate(self, plain: bytes, end: int, size: int, ssrc: int) -> None:
        """Tell the bandwidth estimator of a packet that says when it was sent."""
        inside = self._inside
        ids = self._transport._rtp_header_extensions_map._HeaderExtensionsMap__ids
        sent = sent_at(plain, _HEADER.size + _EXTENSION.size, end, ids.abs_send_time)
        if sent is None:
            return
        remb = inside._RTCRtpReceiver__remote_bitrate_estimator.add(
            abs_send_time=sent,
            arrival_time_ms=int(time.time() * 1000) + _NTP_EPOCH_MS,
            payload_size=size,
            ssrc=ssrc,
        )
        own = inside._RTCRtpReceiver__rtcp_ssrc
        if remb is not None and own is not None:
            fci = pack_remb_fci(*remb)
            self._tell(
                inside._send_rtcp(
                    RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=own, media_ssrc=0, fci=fci)
                )
            )

    def _sort_in(self, codec: Any, ssrc: int, packet: Packet) -> None:
        """As aiortc's receiver does it: statistics, NACK, jitter buffer, PLI, decoder."""
        inside = self._inside
        inside._RTCRtpReceiver__remote_streams[ssrc].add(packet)
        nacks = inside._RTCRtpReceiver__nack_generator
        if nacks.add(packet):
            self._tell(inside._send_rtcp_nack(ssrc, sorted(nacks.missing)))
        try:
            if packet.payload:
                packet._data = self._content(codec, packet.payload)
        except ValueError:
            return
        wants_key, frame = inside._RTCRtpReceiver__jitter_buffer.add(packet)
        if wants_key:
            self._tell(inside._send_rtcp_pli(ssrc))
        if frame is not None:
            frame.timestamp = inside._RTCRtpReceiver__timestamp_mapper.map(frame.timestamp)
            inside._RTCRtpReceiver__decoder_queue.put((codec, frame))

    @staticmethod
    def _content(codec: Any, payload: bytes) -> bytes:
        """Raises ValueError for a payload that its codec knows nothing of."""
        content: bytes = vp8_in(payload) if codec.name == "VP8" else depayload(codec, payload)
        return content

    def _tell(self, feedback: Coroutine[Any, Any, None]) -> None:
        """Send RTCP; aiortc passes over a connection that is gone."""
        task = asyncio.ensure_future(feedback)
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def sent_at(data: bytes, start: int, end: int, number: int | None) -> int | None:
    """abs-send-time, 24 bits, among one-byte extensions (RFC 8285, 4.2); None where it lacks.

    ``number``: of the extension, as negotiated; None where it was not.
    """
    place = start
    while number is not None and place < end:
        octet = data[place]
        if octet >> 4 == number:
            sound = octet & 0x0F == _SENT_BYTES - 1 and place + _SENT_BYTES < end
            return (
                int.from_bytes(data[place + 1 : place + 1 + _SENT_BYTES], "big") if sound else None
            )
        # An octet of zeros is padding.
        place += 2 + (octet & 0x0F) if octet else 1
    return None


def adapt_arrival(receiver: RTCRtpReceiver) -> bool:
    """Have the packets of ``receiver``, whose parts are those of ``media/reception.py``, come by
    the short way. Must run after bundling.

    False, with one warning, when aiortc has changed: they then come as they came.
    """
    inside: Any = receiver
    parts = (depayload, is_rtx, State, RTCP_PSFB_APP, RtcpPsfbPacket, pack_remb_fci)
    if not (are_there(parts, _CHANGED) and has_all(inside, _OF_RECEIVER, _CHANGED)):
        return False
    transport: Any = receiver.transport
    connection: Any = getattr(getattr(transport, "transport", None), "_connection", None)
    if not (
        has_all(transport, _OF_TRANSPORT, _CHANGED)
        and has_all(transport._rtp_header_extensions_map, (_IDS,), _CHANGED)
        and has_all(transport._rtp_router, ("payload_type_table", "ssrc_table"), _CHANGED)
        and has_all(connection, ("data_received", "_queue"), _CHANGED)
        and puts_content_beside(receiver, _CHANGED)
    ):
        return False
    arrival = Arrival(receiver, transport, connection)
    connection.data_received = arrival.data_received
    _note_authentic(transport, arrival)
    return True


def _note_authentic(transport: Any, arrival: Arrival) -> None:
    """Have ``arrival`` told of what aiortc has found to be of whoever has the keys."""
    of_rtcp, of_rtp = transport._handle_rtcp_data, transport._handle_rtp_data

    async def handle_rtcp_data(data: bytes) -> None:
        arrival.reported(data)
        await of_rtcp(data)

    async def handle_rtp_data(data: bytes, arrival_time_ms: int) -> None:
        arrival.sent(data)
        await of_rtp(data, arrival_time_ms=arrival_time_ms)

    transport._handle_rtcp_data, transport._handle_rtp_data = handle_rtcp_data, handle_rtp_data
