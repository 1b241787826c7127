"""Who may call: apps, their approval, their keys and sessions, and what the user allows them."""

from platform_daemon.access.apps import App, Apps, AppState
from platform_daemon.access.authority import Authority
from platform_daemon.access.issuer import AuthorityUnusable, Issuer
from platform_daemon.access.nonces import Nonces
from platform_daemon.access.permissions import Decision, Permissions
from platform_daemon.access.schema import SCHEMA
from platform_daemon.access.servicer import AccessServicer
from platform_daemon.access.sessions import Sessions

__all__ = [
    "SCHEMA",
    "AccessServicer",
    "App",
    "AppState",
    "Apps",
    "Authority",
    "AuthorityUnusable",
    "Decision",
    "Issuer",
    "Nonces",
    "Permissions",
    "Sessions",
]
