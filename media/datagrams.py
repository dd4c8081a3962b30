"""Reading datagrams in bursts.

asyncio takes one datagram off a socket, and then asks the kernel again which sockets have any. A
frame of 720p comes in some eight packets, one behind the other (RFC 3550, section 5.1). Where other
programs take the processors each of these rounds may wait for its turn, the kernel's buffer fills,
and what is read is seconds old.
"""

from __future__ import annotations

import contextlib
import struct
from asyncio import DatagramTransport
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from media.relied_on import are_there, from_module, has_all

if TYPE_CHECKING:
    from aioice.ice import StunProtocol
else:
    (StunProtocol,) = from_module("aioice.ice", "StunProtocol")

_MOST = 64
"""Then others have their turn: at 0.1 ms each that is what a guest may take of the loop at once."""
_LONGEST_BYTES = 8192
"""RTP and SCTP stay below the path's MTU (RFC 8831, section 5; RFC 8834, section 4.4); asyncio
makes room for 256 KiB each time."""
_FIRST_OF_OTHERS = 20
"""First bytes below are STUN's and ZRTP's; DTLS, TURN channels and RTP have those from here on
(RFC 7983, section 7)."""
_RELIES_ON = ("_sock", "_sock_fd", "_add_reader", "_conn_lost", "_protocol", "_fatal_error")


def read_in_bursts(transport: DatagramTransport) -> bool:
    """Take all that waits, up to a bound, each time the socket has something.

    False, with one warning, for a transport that is not asyncio's own: it then works as it came.
    """
    inside: Any = transport
    if not has_all(inside, _RELIES_ON, "asyncio has changed: datagrams are read one at a time"):
        return False
    receive, protocol = inside._sock.recvfrom, inside._protocol
    deliver = _past_stun(protocol)

    def read() -> None:
        for _ in range(_MOST):
            if inside._conn_lost:
                return
            try:
                data, sender = receive(_LONGEST_BYTES)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                protocol.error_received(error)
                return
            except Exception as error:
                inside._fatal_error(error, "reading a datagram failed")
                return
            deliver(data, sender)

    inside._add_reader(inside._sock_fd, read)
    return True


def _past_stun(protocol: Any) -> Callable[[bytes, Any], None]:
    """What takes the protocol's datagrams: aioice would try to read each as STUN, and find by an
    exception that it is media."""
    inside: Callable[[bytes, Any], None] = protocol.datagram_received
    changed = "aioice has changed: media is looked through for STUN"
    if not are_there((StunProtocol,), changed) or not isinstance(protocol, StunProtocol):
        return inside
    if not has_all(getattr(protocol, "receiver", None), ("data_received",), changed):
        return inside

    def deliver(data: bytes, sender: Any) -> None:
        candidate = getattr(protocol, "local_candidate", None)
        if data and data[0] >= _FIRST_OF_OTHERS and candidate is not None:
            protocol.receiver.data_received(data, candidate.component)
        else:
            # aioice 0.13 reads attributes that are cut off past their end.
            with contextlib.suppress(struct.error):
                inside(data, sender)

    return deliver
