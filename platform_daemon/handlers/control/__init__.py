"""The Control service (control.proto): what the device's owner decides, in parts by subject."""

from platform_daemon.handlers.control.apps import AppsPart
from platform_daemon.handlers.control.backups import BackupsPart
from platform_daemon.handlers.control.context import ContextPart
from platform_daemon.handlers.control.data import DataPart
from platform_daemon.handlers.control.metrics import MetricsPart
from platform_daemon.handlers.control.models import ModelsPart
from platform_daemon.handlers.control.permissions import PermissionsPart
from platform_daemon.handlers.control.sessions import SessionsPart
from platform_daemon.handlers.control.status import StatusPart

__all__ = [
    "AppsPart",
    "BackupsPart",
    "ContextPart",
    "DataPart",
    "MetricsPart",
    "ModelsPart",
    "PermissionsPart",
    "SessionsPart",
    "StatusPart",
]
