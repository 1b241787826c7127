"""What a check says, and all checks in the order in which one would mend things."""

import enum
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from platform_daemon.doctor.snapshot import Snapshot


class Severity(enum.Enum):
    """How bad it is. Problems alone make `insitu doctor` exit with 1."""

    PROBLEM = "problem"
    """Something does not work, or is not safe."""
    NOTICE = "notice"
    """It works, but less well than it could, or it waits for somebody's decision."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and how to mend it."""

    check: str
    """Stable, for programs: "master-key", "engine"."""
    severity: Severity
    message: str
    remedy: str
    """What to do, as a command wherever there is one."""


Check = Callable[[Snapshot], Iterable[Finding]]


def problem(check: str, message: str, remedy: str) -> Finding:
    """A finding that something does not work, or is not safe."""
    return Finding(check, Severity.PROBLEM, message, remedy)


def notice(check: str, message: str, remedy: str) -> Finding:
    """A finding that something works less well than it could, or waits for a decision."""
    return Finding(check, Severity.NOTICE, message, remedy)


def examine(snapshot: Snapshot) -> list[Finding]:
    """Everything that is wrong, problems first."""
    from platform_daemon.doctor import folders, machine, running

    found = [finding for part in (folders, machine, running) for check in part.CHECKS for finding in check(snapshot)]
    return sorted(found, key=lambda finding: finding.severity is not Severity.PROBLEM)
