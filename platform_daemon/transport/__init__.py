"""How calls reach the daemon: sockets, connections, protocols. Handlers know nothing of it."""

from platform_daemon.transport.admission import ConnectionLimits
from platform_daemon.transport.calls import Access, CallContext, CallObserver, Enclave, MethodTable, Peer
from platform_daemon.transport.limits import CallLimits
from platform_daemon.transport.listener import Listener, only_uid
from platform_daemon.transport.socket_file import ListenError, PathTooLong, SocketInUse

__all__ = [
    "Access",
    "CallContext",
    "CallLimits",
    "CallObserver",
    "ConnectionLimits",
    "Enclave",
    "ListenError",
    "Listener",
    "MethodTable",
    "PathTooLong",
    "Peer",
    "SocketInUse",
    "only_uid",
]
