"""Checks of what the kernel and the installation offer."""

from collections.abc import Iterable

from platform_daemon.doctor.findings import Check, Finding, notice, problem
from platform_daemon.doctor.snapshot import Snapshot

_PROTECTIONS = {
    "seccomp": "use a kernel with CONFIG_SECCOMP_FILTER and no container that forbids it, and pip install pyseccomp",
    "landlock": "use Linux 5.13 or later with landlock among the modules in /sys/kernel/security/lsm",
    "idle processor priority": "allow SCHED_IDLE, until when training takes processor time from other programs",
    "idle disk priority": "allow ioprio_set, until when training takes disk time from other programs",
}
_OTHERWISE = "see what in this container or kernel forbids it"
_EXTRAS = {"litert": "daemon", "tensorflow": "tensorflow"}
_OPTIONAL = frozenset({"tensorflow"})
"""Missing, it is missing only to plans that ask for it."""


def sandbox(seen: Snapshot) -> Iterable[Finding]:
    """A running daemon knows best; without one it is tried out."""
    if seen.daemon is not None:
        lacking = list(seen.daemon.status.missing_protections)
    else:
        lacking = [f"primary: {what}" for what in seen.machine.primary_lacks]
    known = {what.partition(": ")[2] for what in lacking}
    lacking += [f"trainer: {what}" for what in seen.machine.child_lacks if what not in known]
    for what in lacking:
        role, _, protection = what.partition(": ")
        yield problem("sandbox", f"the {role} lacks: {protection}", _remedy(protection))
    if seen.machine.probe_failure:
        message = f"what children would be confined by could not be tried: {seen.machine.probe_failure}"
        yield problem("sandbox", message, "mend the installation: pip install --force-reinstall 'insitu[daemon]'")
    if not seen.machine.pidfd:
        yield problem("sandbox", "this kernel has no pidfd, so that no child can be started", "use Linux 5.3 or later")
    if not seen.machine.user_namespaces:
        message = "users may not make namespaces here, so that a child's network is refused by seccomp alone"
        yield notice("sandbox", message, "sudo sysctl -w user.max_user_namespaces=1024, if the device's policy allows")


def engines(seen: Snapshot) -> Iterable[Finding]:
    """Engines that do not load. One that few plans ask for may be missing, but not broken."""
    for engine in seen.machine.engines:
        extra = _EXTRAS.get(engine.name)
        install = f"pip install 'insitu[{extra}]'" if extra else "install or update the package that offers it"
        if not engine.version and (engine.name not in _OPTIONAL or engine.failure != "ModuleNotFoundError"):
            why = f" ({engine.failure})" if engine.failure else ""
            yield problem("engine", f"the engine {engine.name} does not load{why}", install)


def plugins(seen: Snapshot) -> Iterable[Finding]:
    """Context sources of other packages that do not load."""
    for name, failure in seen.machine.broken_plugins:
        message = f"the context source {name!r} does not load ({failure}), and the daemon does not start with it"
        yield problem("plugin", message, "repair or uninstall the package that brings it")


def _remedy(protection: str) -> str:
    return next((remedy for name, remedy in _PROTECTIONS.items() if protection.startswith(name)), _OTHERWISE)


CHECKS: tuple[Check, ...] = (sandbox, engines, plugins)
