"""What we change in aiortc 1.16 and aioice 0.13 around a connection, each change on its own.

What is changed of receiving is in ``reception``, ``feedback``, ``estimation``, ``arrival``,
``decoding`` and ``datagrams``; of data channels in ``sctp_limits`` and ``farewell``. All of it
touches private names, so a test beside each (``tests/media/``) proves that the pinned versions
still have what it relies on. Nothing is patched globally: each change is made on the one
connection that needs it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING, Any

from aioice import Candidate, Connection
from aiortc import RTCPeerConnection, RTCRtpReceiver

from core.errors import Overloaded
from core.log import Log
from media.datagrams import read_in_bursts
from media.relied_on import are_there, from_module, has_all, warn_once

if TYPE_CHECKING:
    from aioice.candidate import candidate_foundation, candidate_priority
    from aioice.ice import StunProtocol, server_reflexive_candidate
else:
    candidate_foundation, candidate_priority = from_module(
        "aioice.candidate", "candidate_foundation", "candidate_priority"
    )
    StunProtocol, server_reflexive_candidate = from_module(
        "aioice.ice", "StunProtocol", "server_reflexive_candidate"
    )

_log = Log("rtc")
_RECEIVE_BUFFER_BYTES = 1 << 20
_AS_IT_CAME = "aiortc or aioice has changed, candidates are gathered as it came"
_GATHERING_S = 2
"""A STUN or TURN server that does not answer must not hold up each guest for aioice's 5 s."""


@dataclass(frozen=True, slots=True)
class IceOptions:
    """Where media sockets are bound and what is told of them.

    ``ports``: first and last UDP port, None for any. ``public_addresses`` replace the machine's
    own in host candidates (one-to-one NAT). ``loopback`` adds 127.0.0.1.
    """

    ports: tuple[int, int] | None = None
    public_addresses: tuple[str, ...] = ()
    loopback: bool = True


def ice_connections(pc: RTCPeerConnection) -> set[Connection]:
    """The aioice connections beneath ``pc``; after bundling there is one."""
    name = "_RTCPeerConnection__iceTransports"
    if not has_all(pc, (name,), f"{_AS_IT_CAME}, without udp-ports, public-addresses and loopback"):
        return set()
    return {
        transport._connection
        for transport in getattr(pc, name)
        if has_all(transport, ("_connection",), f"{_AS_IT_CAME}: udp-ports and others do nothing")
    }


def adapt_gathering(connection: Connection, options: IceOptions) -> None:
    """Bind host candidates within a port range, on loopback too, and advertise other addresses.

    aioice binds port 0 (aioice 47 and 112, aiortc 487) and leaves out 127.0.0.1,
    so that a kiosk whose browser and server share one machine without a network could not
    connect. Must run before gathering. Raises Overloaded while gathering when every port of
    the range is taken.
    """
    otherwise = f"{_AS_IT_CAME}: udp-ports, public-addresses and loopback do nothing"
    parts = (
        *(candidate_foundation, candidate_priority),
        *(StunProtocol, server_reflexive_candidate),
    )
    of_connection = ("get_component_candidates", "_protocols", "stun_server", "turn_server")
    if not (are_there(parts, otherwise) and has_all(connection, of_connection, otherwise)):
        return
    original = connection.get_component_candidates

    async def get_component_candidates(
        component: int,
        addresses: list[str],
        timeout: int = _GATHERING_S,  # noqa: ASYNC109, the name is aioice's
    ) -> list[Candidate]:
        hosts = list(dict.fromkeys([*addresses, *(["127.0.0.1"] if options.loopback else [])]))
        protocols: list[StunProtocol] = []
        for address in hosts:
            if protocol := await _bind(connection, component, address, options.ports):
                protocols.append(protocol)
                # At once: whatever happens next, it is closed with the connection.
                connection._protocols.append(protocol)
        if hosts and not protocols:
            raise Overloaded("every UDP port of media.udp-ports is in use", retry_after_s=5)
        candidates = _advertised(
            [protocol.local_candidate for protocol in protocols], options.public_addresses
        )
        # Without addresses the original gathers relayed candidates only; binding was done here.
        relayed, reflexive = await asyncio.gather(
            original(component, [], timeout), _reflexive(connection, protocols, timeout)
        )
        if connection.turn_server and not relayed:
            _log.warning("x no relay: check turn-urls, turn-secret and the TURN server's clock")
        return candidates + reflexive + relayed

    setattr(connection, "get_component_candidates", get_component_candidates)  # noqa: B010


def adapt_consent(connection: Connection) -> None:
    """Keep consent checks (RFC 7675) from outliving a connection that closes while connecting.

    aioice starts them when ``connect`` is done, also when ``close`` came first; nothing would
    ever end them then.
    """
    if not has_all(
        connection,
        ("query_consent", "_closing"),
        "consent checks may outlive connections that never came about: aioice has changed",
    ):
        return
    original = connection.query_consent

    async def query_consent() -> None:
        if not connection._closing:
            await original()

    setattr(connection, "query_consent", query_consent)  # noqa: B010


async def _bind(
    connection: Connection, component: int, address: str, ports: tuple[int, int] | None
) -> StunProtocol | None:
    """A socket on ``address`` within ``ports``; None when the address or all ports are refused."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    choices = list(range(ports[0], ports[1] + 1)) if ports else [0]
    start = random.randrange(len(choices))
    for port in choices[start:] + choices[:start]:
        try:
            udp = socket.socket(family, socket.SOCK_DGRAM)
        except OSError as error:
            _log.warning("x socket", error=error.strerror)
            return None
        udp.setblocking(False)
        try:
            udp.bind((address, port))
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
            transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: StunProtocol(connection), sock=udp
            )
        except OSError:
            udp.close()
            continue
        read_in_bursts(transport)
        host, bound = udp.getsockname()[:2]
        protocol.local_candidate = Candidate(
            foundation=candidate_foundation("host", "udp", host),
            component=component,
            transport="udp",
            priority=candidate_priority(component, "host"),
            host=host,
            port=bound,
            type="host",
        )
        return protocol
    return None


def _advertised(candidates: Sequence[Candidate], public: Sequence[str]) -> list[Candidate]:
    """Host candidates with the public addresses in place of the machine's own, if any."""
    if not public:
        return list(candidates)
    told = [item for item in candidates if _is_own_only(item.host)]
    for candidate in candidates:
        here = ipaddress.ip_address(candidate.host)
        told += [
            Candidate(
                foundation=candidate_foundation("host", "udp", address),
                component=candidate.component,
                transport="udp",
                priority=candidate.priority,
                host=address,
                port=candidate.port,
                type="host",
            )
            for address in public
            if not _is_own_only(candidate.host)
            and ipaddress.ip_address(address).version == here.version
        ]
    return told


def _is_own_only(host: str) -> bool:
    """Loopback is reached from this machine alone, so nothing stands in for it."""
    return ipaddress.ip_address(host).is_loopback


async def _reflexive(
    connection: Connection, protocols: Sequence[StunProtocol], timeout_s: float
) -> list[Candidate]:
    """Server-reflexive candidates (RFC 8445, section 5.1.1.2) of the IPv4 sockets."""
    if not connection.stun_server:
        return []
    asked = [
        asyncio.create_task(server_reflexive_candidate(protocol, connection.stun_server))
        for protocol in protocols
        if not (here := ipaddress.ip_address(protocol.local_candidate.host)).is_loopback
        and here.version == 4
    ]
    if not asked:
        return []
    done, late = await asyncio.wait(asked, timeout=timeout_s)
    for task in late:
        task.cancel()
    answers = [task.result() for task in done if task.exception() is None]
    told = [answer[0] if isinstance(answer, tuple) else answer for answer in answers]
    found = [candidate for candidate in told if isinstance(candidate, Candidate)]
    if len(found) < len(told):
        warn_once("aioice has changed: no candidates by stun-urls", "a Candidate of STUN's answer")
    return found


def strip_mdns_candidates(sdp: str) -> str:
    """Leave out ``.local`` candidates: aioice asks the network for each, for a second (aioice 77).

    The browser's checks still arrive and make peer-reflexive candidates (RFC 8445, 7.3.1.3),
    so its end-of-candidates must not end our waiting when a candidate was left out.
    """
    lines = sdp.splitlines(keepends=True)
    hidden = re.compile(r"a=candidate:.*\s\S+\.local\s", re.IGNORECASE)
    kept = [line for line in lines if not hidden.match(line)]
    if len(kept) == len(lines):
        return sdp
    return "".join(line for line in kept if not line.startswith("a=end-of-candidates"))


def is_usable_candidate(candidate: str) -> bool:
    """Whether a check can be sent to ``candidate``, the value of an ``a=candidate`` line.

    Names are never looked up: a client could make us ask for any. asyncio closes our own socket
    over a port that cannot be. What is no candidate at all is left to the parser.
    """
    words = candidate.split()
    if len(words) < 8:
        return True
    try:
        ipaddress.ip_address(words[4])
        port = int(words[5])
    except ValueError:
        return False
    return words[1] == "1" and words[2].lower() == "udp" and 0 < port < 0x10000


def usable_candidates(sdp: str, most: int) -> str:
    """Leave out candidates that no check can be sent to, and all beyond ``most``."""
    kept, found = [], 0
    for line in sdp.splitlines(keepends=True):
        if line.startswith("a=candidate:"):
            if found >= most or not is_usable_candidate(line.removeprefix("a=candidate:")):
                continue
            found += 1
        kept.append(line)
    return "".join(kept)


def with_start_bitrate(sdp: str, kbps: int) -> str:
    """Ask the browser to begin at ``kbps``: without it 720p comes after most of a minute.

    ``x-google-start-bitrate`` is libwebrtc's own codec parameter, as W3C WebRTC has none (webrtc-pc
    1635); others ignore it.
    """
    extra = f"x-google-start-bitrate={kbps};x-google-max-bitrate={2 * kbps}"
    payloads = re.findall(r"^a=rtpmap:(\d+) (?:VP8|H264)/90000\r?$", sdp, re.MULTILINE)
    # Several sections may name the same payload type; one pass changes all of them.
    for payload in dict.fromkeys(payloads):
        known = re.compile(rf"^(a=fmtp:{payload} [^\r\n]*)", re.MULTILINE)
        if known.search(sdp):
            sdp = known.sub(rf"\1;{extra}", sdp)
        else:
            rtpmap = re.compile(rf"^(a=rtpmap:{payload} [^\r\n]*)(\r?\n)", re.MULTILINE)
            sdp = rtpmap.sub(rf"\1\2a=fmtp:{payload} {extra}\2", sdp)
    return sdp


def rtp_timestamp(receiver: RTCRtpReceiver, pts: int | None) -> int | None:
    """The RTP timestamp (RFC 3550, 5.1) of a frame whose ``pts`` aiortc has moved to zero."""
    name = "_RTCRtpReceiver__timestamp_mapper"
    untold = "messages tell no RTP timestamps: aiortc has changed"
    if not has_all(receiver, (name,), untold):
        return None
    mapper: Any = getattr(receiver, name)
    if pts is None or not has_all(mapper, ("_origin",), untold) or mapper._origin is None:
        return None
    return int(mapper._origin + pts) & 0xFFFFFFFF


_DECODING = tuple(
    f"_RTCRtpReceiver__{part}" for part in ("stop_decoder", "decoder_thread", "decoder_queue")
)


class DecoderStop:
    """Ends a receiver's decoder thread without holding the event loop.

    aiortc joins the thread on the loop, after all that waits in its queue was decoded: at an
    RTCP BYE (RFC 3550, 6.6), at the end of DTLS and at ``stop`` a backlog then freezes every
    session. Here the backlog is dropped, and only ``finish`` waits, on a worker thread.
    """

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self._receiver = receiver
        self._thread: Any = None
        if not has_all(
            receiver, _DECODING, "a backlog may hold the loop at a guest's end: aiortc has changed"
        ):
            return
        setattr(receiver, "_RTCRtpReceiver__stop_decoder", self.begin)  # noqa: B010

    def begin(self) -> None:
        """Tell the decoder to end; packets that still come are left alone by aiortc."""
        thread: Any = getattr(self._receiver, "_RTCRtpReceiver__decoder_thread", None)
        waiting: Any = getattr(self._receiver, "_RTCRtpReceiver__decoder_queue", None)
        if thread is None or waiting is None:
            return
        try:
            while True:
                waiting.get_nowait()
        except Empty:
            pass
        waiting.put(None)
        self._thread = thread
        setattr(self._receiver, "_RTCRtpReceiver__decoder_thread", None)  # noqa: B010

    async def finish(self) -> None:
        """The thread has ended."""
        self.begin()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)


__all__ = [
    "DecoderStop",
    "IceOptions",
    "adapt_consent",
    "adapt_gathering",
    "ice_connections",
    "is_usable_candidate",
    "rtp_timestamp",
    "strip_mdns_candidates",
    "usable_candidates",
    "with_start_bitrate",
]
