"""Each check finds its trouble, and nothing on a device that is well."""

from dataclasses import replace
from pathlib import Path

import pytest

from insitu.v1 import collection_pb2
from insitu.v1 import control_pb2 as pb
from insitu.v1.training_pb2 import FAILED, WAITING, ConditionReading, SessionStatus, TrainerOptions
from platform_daemon.configuration import Configuration, LimitsSection
from platform_daemon.doctor import Severity, Snapshot, examine
from platform_daemon.doctor.snapshot import Disk, Engine, FileFacts, FileKind
from tests.doctor.samples import DAEMON, FOLDERS, LOCATIONS, PACKAGE, READINGS, WELL, facts, reading, spoilt

NOBODY = {"daemon": None, "folders__store_held_by": None, "folders__socket_held_by": None}
MISSING = FileFacts(LOCATIONS.control_socket)


def status(**fields: object) -> pb.DaemonStatus:
    return pb.DaemonStatus(version="0.1.0", **fields)  # type: ignore[arg-type]


def session(*conditions: ConditionReading, state: int = WAITING, reason: str = "") -> pb.AppSession:
    return pb.AppSession(
        package=PACKAGE,
        status=SessionStatus(
            options=TrainerOptions(session="words"),
            state=state,  # type: ignore[arg-type]
            reasons=[reason] if reason else [],
            conditions=conditions,
        ),
    )


def condition(name: str, satisfied: bool = False) -> ConditionReading:
    return ConditionReading(name=name, satisfied=satisfied, value="bad", remedy=f"mend {name}")


def test_a_device_that_is_well_has_no_findings() -> None:
    assert examine(WELL) == []


P, N = Severity.PROBLEM, Severity.NOTICE
SPOILT: dict[str, tuple[Snapshot, str, Severity, str]] = {
    "bad configuration": (
        spoilt(configuration=None, bad_configuration="daemon.log_level must be one of info, not 'loud'"),
        "configuration", P, "correct the entry",
    ),
    "state open to others": (
        spoilt(folders__state=facts("/device/my state", FileKind.FOLDER, 0o755)),
        "folders", P, "chmod 700 '/device/my state'",
    ),
    "state of somebody else": (
        spoilt(folders__state=facts(LOCATIONS.state, FileKind.FOLDER, 0o700, 0)), "folders", P, "chown -R $USER",
    ),
    "a file where run should be": (
        spoilt(folders__run=facts(LOCATIONS.run, FileKind.FILE, 0o600)), "folders", P, "move it away",
    ),
    "state where graphs read": (
        spoilt(folders__readable_by_graphs=Path("/usr/lib")), "folders", P, "--home",
    ),
    "master key open": (
        spoilt(folders__master_key=facts("/k", FileKind.FILE, 0o640)), "master-key", P, "chmod 600 /k",
    ),
    "master key of somebody else": (
        spoilt(folders__master_key=facts("/k", FileKind.FILE, 0o600, 0)), "master-key", P, "chown",
    ),
    "master key gone": (
        spoilt(folders__master_key=FileFacts(Path("/x/k"))), "master-key", P, f"remove {LOCATIONS.state} to start anew",
    ),
    "path too long": (
        spoilt(folders__socket=facts("/" + "x" * 120, FileKind.SOCKET, 0o600)), "socket", P, "choose a shorter one",
    ),
    "a file where the socket should be": (
        spoilt(folders__socket=facts("/s", FileKind.FILE, 0o600)), "socket", P, "mv /s elsewhere",
    ),
    "socket open to others": (
        spoilt(folders__control_socket=facts("/c", FileKind.SOCKET, 0o666)), "socket", P, "chmod 600 /c",
    ),
    "disk full": (spoilt(folders__disk=Disk(1 << 20, 0)), "disk", P, "make room"),
    "less room than a quota": (spoilt(folders__disk=Disk(500 << 20, 0)), "disk", N, "artifact_quota_bytes"),
    "credentials open": (
        spoilt(credentials=[(Path("/k"), "other users can read /k, which holds a key; run: chmod 600 /k")]),
        "credentials", P, "run: chmod 600 /k",
    ),
    "no seccomp": (
        spoilt(daemon=replace(DAEMON, status=status(missing_protections=["primary: seccomp: sockets (ENOSYS)"]))),
        "sandbox", P, "CONFIG_SECCOMP_FILTER",
    ),
    "no landlock, nobody running": (
        spoilt(machine__child_lacks=["landlock: files can be opened (ENOSYS)"]), "sandbox", P, "Linux 5.13",
    ),
    "no SCHED_IDLE": (spoilt(machine__child_lacks=["idle processor priority (EPERM)"]), "sandbox", P, "SCHED_IDLE"),
    "a loss without a name": (spoilt(machine__child_lacks=["something new (EPERM)"]), "sandbox", P, "forbids it"),
    "no probe": (spoilt(machine__probe_failure="ImportError"), "sandbox", P, "mend the installation"),
    "no pidfd": (spoilt(machine__pidfd=False), "sandbox", P, "Linux 5.3"),
    "no user namespaces": (spoilt(machine__user_namespaces=False), "sandbox", N, "max_user_namespaces"),
    "LiteRT not installed": (
        spoilt(machine__engines=[Engine("litert", failure="ModuleNotFoundError")]), "engine", P, "insitu[daemon]",
    ),
    "TensorFlow broken": (
        spoilt(machine__engines=[Engine("tensorflow", failure="ImportError")]), "engine", P, "insitu[tensorflow]",
    ),
    "an engine of others broken": (
        spoilt(machine__engines=[Engine("foreign", failure="OSError")]), "engine", P, "update the package",
    ),
    "plug-in broken": (spoilt(machine__broken_plugins=[("weather", "ImportError")]), "plugin", P, "uninstall"),
    "nobody runs": (spoilt(**NOBODY, folders__control_socket=MISSING), "daemon", P, "insitu daemon run"),
    "a dead daemon's socket": (spoilt(**NOBODY), "daemon", P, "which clears it away"),
    "a daemon that hangs": (spoilt(daemon=None), "daemon", P, "kill 4711"),
    "a daemon that refuses": (spoilt(daemon=None, refusal="only user 0 may"), "daemon", P, "as the user"),
    "another version": (spoilt(version="0.2.0"), "daemon", N, "restart"),
    "records set aside": (
        spoilt(daemon=replace(DAEMON, data=[
            pb.AppData(package=PACKAGE, damaged=[pb.DamagedRecords(collection="words", records=3)])
        ])),
        "store", P, "restore a backup",
    ),
    "lost examples": (
        spoilt(daemon=replace(DAEMON, data=[
            pb.AppData(package=PACKAGE, collections=[collection_pb2.CollectionStats(lost_examples=2)])
        ])),
        "store", P, "restore a backup",
    ),
    "an app that waits": (
        spoilt(daemon=replace(DAEMON, apps=[pb.AppRecord(package=PACKAGE, state=pb.REQUESTED)])),
        "app", N, f"insitu app approve {PACKAGE}",
    ),
    "a clock that is not confirmed": (
        spoilt(daemon=replace(DAEMON, status=status(clock=pb.ClockStatus(unconfirmed_since_ms=1, lead_ms=5_000_000)))),
        "clock", N, "set-ntp true",
    ),
    "a clock whose notes are lost": (
        spoilt(daemon=replace(DAEMON, status=status(
            clock=pb.ClockStatus(unconfirmed_since_ms=1, lead_ms=1_795_000_000_000, notes_lost=True)
        ))),
        "clock", N, "set-ntp true",
    ),
    "an app without consent": (
        spoilt(daemon=replace(DAEMON, apps=[pb.AppRecord(package=PACKAGE, state=pb.REGISTERED)])),
        "app", N, f"insitu consent give {PACKAGE}",
    ),
    "a source that fails": (
        spoilt(daemon=replace(DAEMON, status=status(context_failures=["source sysfs cannot read power: OSError()"]))),
        "context", P, "choose another",
    ),
    "a type without a source": (
        spoilt(daemon=replace(DAEMON, readings=[*READINGS, reading("weather", "")])),
        "context", N, 'weather = "scripted"',
    ),
    "a scripted type that nobody has set": (
        spoilt(daemon=replace(DAEMON, readings=[*READINGS, reading("network", "scripted")])),
        "context", N, "insitu context set network",
    ),
    "a session without an input": (
        spoilt(daemon=replace(DAEMON, sessions=[session(condition("input"), condition("due"), condition("idle"))])),
        "session", N, "mend input",
    ),
    "a session that failed": (
        spoilt(daemon=replace(DAEMON, sessions=[session(condition("examples"), state=FAILED, reason="it broke")])),
        "session", P, f"insitu train explain words --app {PACKAGE}",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_each_trouble_is_found_alone_and_told_in_one_line(what: str) -> None:
    snapshot, check, severity, remedy = SPOILT[what]
    (finding,) = examine(snapshot)
    assert (finding.check, finding.severity) == (check, severity)
    assert remedy in finding.remedy
    line = f"{finding.message}; {finding.remedy}"
    assert "\n" not in line
    assert finding.message
    assert not finding.message.endswith((".", ";", ":", " "))


@pytest.mark.parametrize(("name", "context_type"), [("idle", "activity"), ("charging", "power")])
@pytest.mark.parametrize("source", ["", "sysfs", "scripted"])
def test_what_nobody_knows_keeps_everything_from_training_unless_it_is_assumed(
    name: str, context_type: str, source: str
) -> None:
    others = [one for one in READINGS if one.type != context_type]
    unknown = replace(DAEMON, readings=[*others, reading(context_type, source)])
    (trouble,) = [finding for finding in examine(spoilt(daemon=unknown)) if finding.check == "training"]
    assert f'assume = ["{name}"]' in trouble.remedy
    assert (f"insitu context set {context_type} " in trouble.remedy) == (source == "scripted")
    assumed = replace(unknown, status=status(assumed_conditions=[name]))
    assert "training" not in {finding.check for finding in examine(spoilt(daemon=assumed))}


def test_mains_without_charging_are_known_to_count() -> None:
    on_mains = replace(DAEMON, readings=[reading("power", on_battery=0), READINGS[1]])
    assert examine(spoilt(daemon=on_mains)) == []


def test_hours_are_not_told_of_a_clock_whose_notes_are_lost() -> None:
    (finding,) = examine(SPOILT["a clock whose notes are lost"][0])
    assert finding.message.startswith("the store's notes on the time were lost")
    assert "ahead" not in finding.message


def test_problems_come_first() -> None:
    both = spoilt(version="0.2.0", folders__disk=Disk(1 << 20, 0), machine__pidfd=False)
    assert [finding.severity for finding in examine(both)] == [P, P, N]


def test_a_new_device_is_not_reproached_for_what_is_not_there_yet() -> None:
    absent = {
        f"folders__{name}": FileFacts(getattr(FOLDERS, name).path)
        for name in ("state", "run", "socket", "control_socket", "master_key", "store_format")
    }
    (only,) = examine(spoilt(**NOBODY, **absent, folders__disk=None))
    assert (only.check, only.remedy) == ("daemon", "insitu daemon run")


def test_what_a_running_daemon_and_the_probe_both_lack_is_told_once() -> None:
    lost = "landlock: files of this user can be opened (ENOSYS)"
    running = replace(DAEMON, status=status(missing_protections=[f"worker: {lost}"]))
    (finding,) = examine(spoilt(daemon=running, machine__child_lacks=[lost]))
    assert finding.message == f"the worker lacks: {lost}"


def test_a_quota_that_fits_is_no_matter() -> None:
    small = Configuration(LOCATIONS, limits=LimitsSection(artifact_quota_bytes=100 << 20))
    assert examine(spoilt(folders__disk=Disk(500 << 20, 0), configuration=small)) == []
