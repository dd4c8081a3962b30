"""One RTCPeerConnection that answers an offer; made anew when a session's peer reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import (
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import OperationError
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcdatachannel import RTCDataChannel
from aiortc.sdp import MediaDescription, SessionDescription, candidate_from_sdp

from core.errors import InvalidSdp, LobbyLensError, NotAcceptable
from core.log import Log
from media.adaptations import (
    DecoderStop,
    IceOptions,
    adapt_consent,
    adapt_gathering,
    ice_connections,
    is_usable_candidate,
    rtp_timestamp,
    strip_mdns_candidates,
    usable_candidates,
    with_start_bitrate,
)
from media.arrival import adapt_arrival
from media.decoding import Shortcut
from media.farewell import adapt_farewell
from media.punctuality import FrameClock
from media.reception import Watch, adapt_reception
from media.sctp_limits import adapt_sctp

_log = Log("peer")

CODECS = ("VP8", "H264")
MAX_CANDIDATES = 100
"""Of one offer, and as many more trickled: RFC 8445, section 6.1.2.5, bounds the checks so."""

# Browsers offer three media sections with some 70 codecs in some 300 lines. aiortc's work grows
# with the square of these numbers, and all of it holds the event loop.
_MOST_LINES = {"": 2000, "m=": 8, "a=rtpmap:": 256, "a=extmap:": 256, "a=ssrc:": 512}


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """What a peer needs to know. ``ice_servers`` is explicit: aiortc's None means a public one."""

    ice_servers: tuple[RTCIceServer, ...]
    ice: IceOptions
    start_bitrate_kbps: int
    loss_wait_ms: int


class Peer:
    """A peer connection with its answer, its video track and its end."""

    def __init__(
        self,
        settings: PeerSettings,
        *,
        on_channel: Callable[[Peer, RTCDataChannel], None],
        on_state: Callable[[Peer, str], None],
        watch: Watch | None = None,
    ) -> None:
        self._settings = settings
        self._watch = watch or Watch()
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=list(settings.ice_servers)))
        self._pc.on("datachannel", lambda channel: on_channel(self, channel))
        self._pc.on("connectionstatechange", lambda: on_state(self, self._pc.connectionState))
        self._receiver: RTCRtpReceiver | None = None
        self._decoder_stop: DecoderStop | None = None
        self._closing: asyncio.Future[None] | None = None
        self._trickled = 0
        self.reading: asyncio.Task[None] | None = None
        """Whoever reads the track. Of a receiver that never began aiortc ends none."""
        self.remote_ufrag = ""

    @property
    def track(self) -> MediaStreamTrack:
        assert self._receiver is not None, "answer() comes first"
        return self._receiver.track

    @property
    def clock(self) -> FrameClock:
        """How old a frame is."""
        return self._watch.clock

    @property
    def shortcut(self) -> Shortcut:
        """Where pictures may be taken without reading the track."""
        return self._watch.shortcut

    def rtp_timestamp(self, pts: int | None) -> int | None:
        assert self._receiver is not None, "answer() comes first"
        return rtp_timestamp(self._receiver, pts)

    async def answer(self, offer_sdp: str) -> str:
        """The answer to ``offer_sdp`` (RFC 3264, RFC 9429).

        Raises InvalidSdp when it cannot be understood, NotAcceptable when it offers no video
        that we can receive.
        """
        offer = parse_offer(offer_sdp)
        self.remote_ufrag = next(
            media.ice.usernameFragment or "" for media in offer.media if media.ice
        )
        await self._apply(offer_sdp)
        self._choose_video()
        for connection in ice_connections(self._pc):
            adapt_gathering(connection, self._settings.ice)
            adapt_consent(connection)
        if self._receiver is not None:
            adapt_arrival(self._receiver)
        adapt_sctp(self._pc)
        adapt_farewell(self._pc)
        try:
            await self._pc.setLocalDescription(await self._pc.createAnswer())
        except LobbyLensError:
            raise
        except Exception as error:
            raise _inapplicable(error) from None
        return with_start_bitrate(self._pc.localDescription.sdp, self._settings.start_bitrate_kbps)

    async def _apply(self, offer_sdp: str) -> None:
        usable = usable_candidates(strip_mdns_candidates(offer_sdp), MAX_CANDIDATES)
        description = RTCSessionDescription(usable, "offer")
        try:
            await self._pc.setRemoteDescription(description)
        except OperationError:
            raise NotAcceptable(
                f"no codec in common: offer {' or '.join(CODECS)} video (RFC 7742)"
            ) from None
        except Exception as error:
            raise _inapplicable(error) from None

    def _choose_video(self) -> None:
        """Receive the first video and nothing else: other media would be decoded for nothing."""
        for transceiver in self._pc.getTransceivers():
            wanted = (
                self._receiver is None
                and transceiver.kind == "video"
                and transceiver.receiver.track is not None
            )
            transceiver.direction = "recvonly" if wanted else "inactive"
            if wanted:
                self._receiver = transceiver.receiver
                self._decoder_stop = DecoderStop(self._receiver)
                adapt_reception(
                    self._receiver,
                    self._settings.loss_wait_ms / 1000,
                    self._settings.start_bitrate_kbps * 1000,
                    self._watch,
                )
        if self._receiver is None:
            raise NotAcceptable("the offer sends no video")

    async def add_candidate(self, candidate: str | None, mid: str) -> None:
        """A trickled candidate (RFC 8840), without ``a=``; None ends them.

        Raises InvalidSdp for one that cannot be understood.
        """
        if candidate is None:
            await self._pc.addIceCandidate(None)
            return
        text = candidate.removeprefix("candidate:")
        if not is_usable_candidate(text) or self._trickled >= MAX_CANDIDATES:
            return
        self._trickled += 1
        try:
            parsed = candidate_from_sdp(text)
            parsed.sdpMid = mid
            await self._pc.addIceCandidate(parsed)
        except (ValueError, AssertionError, IndexError):
            raise InvalidSdp("an ICE candidate cannot be understood (RFC 8839, 5.1)") from None

    async def close(self) -> None:
        """End everything; never raises, may be called twice.

        Cancelling it only ends the waiting: aiortc, cancelled half-way, would keep its sockets.
        """
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._decoder_stop is not None:
            await self._decoder_stop.finish()
        try:
            async with asyncio.timeout(5):
                await self._pc.close()
        except (ConnectionError, TimeoutError, OSError) as error:
            _log.warning("x close", error=type(error).__name__)
        except Exception as error:
            _log.crash("x close", error)
        if self.reading is not None:
            self.reading.cancel()


def _inapplicable(error: Exception) -> InvalidSdp:
    """aiortc meets odd descriptions with whatever its own code trips over."""
    _log.info("x offer", error=type(error).__name__)
    return InvalidSdp("the session description cannot be applied")


def _check_length(sdp: str) -> None:
    """Raises InvalidSdp for more of anything than a peer connection of one camera needs."""
    lines = sdp.splitlines()
    for start, most in _MOST_LINES.items():
        if sum(line.startswith(start) for line in lines) > most:
            raise InvalidSdp(
                f"the session description has more than {most} {start.strip('a=:') or 'm'} lines"
                if start
                else f"the session description has more than {most} lines"
            )


def _is_known(media: MediaDescription) -> bool:
    """Audio, video, or data channels with the port that SCTP needs (RFC 8841, section 5)."""
    if media.kind == "application":
        port = int(media.fmt[0]) if media.profile == "DTLS/SCTP" else media.sctp_port
        return port is not None and 0 < port < 0x10000
    return media.kind in ("audio", "video")


def parse_offer(sdp: str) -> SessionDescription:
    """The offer's description, checked for what an answer needs.

    Raises InvalidSdp or NotAcceptable.
    """
    _check_length(sdp)
    try:
        offer = SessionDescription.parse(sdp)
        videos = [media for media in offer.media if media.kind == "video"]
        sending = [media for media in videos if media.direction in ("sendonly", "sendrecv")]
        names = {codec.name.upper() for media in sending for codec in media.rtp.codecs}
        sound = bool(offer.media) and all(
            media.ice
            and media.ice.usernameFragment
            and media.ice.password
            and media.dtls
            and media.dtls.fingerprints
            for media in offer.media
        )
        mids = {media.rtp.muxId for media in offer.media}
        # aiortc trips over other kinds, and over a bundle around a section that is not there.
        whole = all(_is_known(media) for media in offer.media) and all(
            mids.issuperset(group.items) for group in offer.group if group.semantic == "BUNDLE"
        )
    except Exception:
        # The parser meets garbage with whatever it trips over.
        raise InvalidSdp("the session description cannot be parsed (RFC 8866)") from None
    if not offer.media:
        raise InvalidSdp("the session description has no media section (RFC 8866)")
    if not videos:
        raise NotAcceptable("the offer has no video")
    if not sending:
        raise NotAcceptable("the offer's video must be sendonly or sendrecv")
    if not names & set(CODECS):
        raise NotAcceptable(f"no codec in common: offer {' or '.join(CODECS)} video (RFC 7742)")
    if not sound:
        raise InvalidSdp("a media section lacks its ICE credentials or DTLS fingerprint")
    if not whole:
        raise InvalidSdp("a media section is of an unknown kind, or bundled without being there")
    return offer
