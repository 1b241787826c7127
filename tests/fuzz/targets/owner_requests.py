"""Requests of the owner, to every method of the control socket."""

from pathlib import Path

from insitu.v1 import control_pb2 as pb
from insitu.v1.example_pb2 import Feature, Features, Int64List
from platform_daemon.errors import DaemonError
from tests.fuzz.device import PACKAGE, Device
from tests.fuzz.target import FuzzTarget

FILES = ("Backup", "Restore")
"""Methods that write where the owner says, which no test should say at random."""


def target(folder: Path) -> FuzzTarget:
    device = Device(folder)
    device.approve()
    paths = [one for one in sorted(device.owners_table.methods) if not any(word in one for word in FILES)]

    def parse(data: bytes) -> None:
        if data:
            device.tell(device.owners_table, paths[data[0] % len(paths)], data[1:])

    def seed(name: str, **fields: object) -> bytes:
        path = f"/insitu.v1.Control/{name}"
        method = device.owners_table.methods[path]
        return bytes([paths.index(path)]) + method.request_type(**fields).SerializeToString()

    charging = Features(feature={"charging": Feature(int64_list=Int64List(value=[1]))})
    seeds = [bytes([number]) for number in range(len(paths))] + [
        seed("SetConsent", package=PACKAGE, given=True),
        seed("SetPermission", package=PACKAGE, scope="power.charging", granted=True),
        seed("SetPermission", package=PACKAGE, scope="power"),
        seed("ShowData", package=PACKAGE),
        seed("ClearData", package=PACKAGE, collection="words", account="work"),
        seed("SetScriptedContext", type="power", features=charging),
        seed("RollBackModel", package=PACKAGE, uri="artifact:/words/params", version=1),
        seed("ExplainSession", package=PACKAGE, session="words"),
        seed("IssueToken", package=PACKAGE),
        seed("RemoveApp", package="com.example.other"),
        pb.ApproveAppRequest(package=PACKAGE, context=["power"]).SerializeToString(),
    ]
    words = (PACKAGE.encode(), b"power", b"charging", b"words", b"artifact:/words/params")
    return FuzzTarget(parse, (DaemonError,), seeds, words)
