"""Which process stands behind a connection of the private endpoint.

gRPC shows a handler nothing of its caller but the address of the socket that called. The acceptor therefore gives each
connection a name of its own in the abstract namespace, and remembers here whom the kernel named for it.
"""

import itertools
import secrets

from platform_daemon.errors import DaemonError, Unauthenticated
from platform_daemon.transport.calls import Peer

_GRPC_PREFIX = "unix-abstract:"


def mint_name(uid: int, pid: int, serial: int) -> str:
    """A name for one connection. The random part keeps others from taking a name before its socket is bound."""
    return f"insitu-uid{uid}-pid{pid}-conn{serial}-{secrets.token_hex(16)}"


class PeerTable:
    """Peers of the open connections, by the name that the acceptor minted.

    A name stands here only while the acceptor's own socket is bound to it. The kernel gives an abstract name to one
    socket at a time, so whoever calls from a listed name is the acceptor.
    """

    def __init__(self) -> None:
        self._by_address: dict[str, tuple[Peer, DaemonError | None]] = {}
        self._serial = itertools.count(1)

    def __len__(self) -> int:
        return len(self._by_address)

    def mint(self, uid: int, pid: int) -> Peer:
        """A peer with a new name. It is unknown until it is added."""
        return Peer(uid, pid, mint_name(uid, pid, next(self._serial)))

    def add(self, peer: Peer, refusal: DaemonError | None = None) -> None:
        """List a peer, whose name must be bound already. With `refusal` its calls are to fail with that."""
        self._by_address[_GRPC_PREFIX + peer.connection] = (peer, refusal)

    def remove(self, peer: Peer) -> None:
        """Forget a peer, before its socket closes. Repeatable."""
        self._by_address.pop(_GRPC_PREFIX + peer.connection, None)

    def find(self, address: str) -> Peer:
        """The peer at `address`, as gRPC's `context.peer()` writes it.

        Raises Unauthenticated if the acceptor did not mint it, and the peer's refusal if it has one.
        """
        known = self._by_address.get(address)
        if known is None:
            raise Unauthenticated(
                "the call did not come through the daemon's public socket: connect there", reason="UNKNOWN_PEER"
            )
        peer, refusal = known
        if refusal is not None:
            raise refusal.with_traceback(None)
        return peer
