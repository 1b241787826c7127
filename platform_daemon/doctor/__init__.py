"""What is missing or wrong on this device, and what to do about it: `insitu doctor`.

    snapshot.py   what was seen, as values
    findings.py   what a check says
    folders.py    checks of files, sockets and disk          pure functions
    machine.py    checks of the sandbox, engines, plug-ins   of the snapshot
    running.py    checks of what the daemon says of itself
    observe.py    looks: at files, the machine, the daemon
    stored.py     tries whether a daemon could open what is stored, on a shadow of it

Works with and without a running daemon, changes nothing, and takes nothing that a daemon wants.
"""

from platform_daemon.doctor.findings import Finding, Severity, examine
from platform_daemon.doctor.observe import observe
from platform_daemon.doctor.snapshot import Snapshot

__all__ = ["Finding", "Severity", "Snapshot", "examine", "observe"]
