"""Reading datagrams in bursts.

asyncio takes one datagram off a socket, and then asks the kernel again which sockets have any. A
frame of 720p comes in some eight packets. Where other programs take the processors each of these
rounds may wait for its turn, the kernel's buffer fills, and what is read is seconds old.
"""

from __future__ import annotations

from asyncio import DatagramProtocol, DatagramTransport
from typing import Any, cast

from core.log import Log

_log = Log("rtc")
_MOST = 64
"""Then others have their turn: at 0.1 ms each that is what a guest may take of the loop at once."""
_LONGEST_BYTES = 8192
"""RTP and SCTP stay below the path's MTU (RFC 8831, section 5; RFC 8834, section 4.4); asyncio
makes room for 256 KiB each time."""
_RELIES_ON = ("_sock", "_sock_fd", "_add_reader", "_conn_lost", "_protocol", "_fatal_error")


def read_in_bursts(transport: DatagramTransport) -> bool:
    """Take all that waits, up to a bound, each time the socket has something.

    False, with one warning, for a transport that is not asyncio's own: it then works as it came.
    """
    inside: Any = transport
    if not all(hasattr(inside, name) for name in _RELIES_ON):
        _log.warning("x asyncio has changed: datagrams are read one at a time")
        return False
    receive, protocol = inside._sock.recvfrom, cast(DatagramProtocol, inside._protocol)

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
            protocol.datagram_received(data, sender)

    inside._add_reader(inside._sock_fd, read)
    return True
