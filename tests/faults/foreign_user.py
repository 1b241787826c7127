"""Run as root, as `python -m tests.faults.foreign_user UID SOCKET TRANSPORT`, with JSON on standard input: becomes
another OS user and tries an app's stolen session, token and platform key. Prints what each was answered."""

import json
import os
import sys
from pathlib import Path

# All of it before the user changes, who may not be able to read the interpreter's own files.
import client_lib.identity
import client_lib.sessions
from client_lib import InsituError
from client_lib.grpc_transport import GrpcTransport
from client_lib.handshake import CHALLENGE, CLOSE, OPEN
from client_lib.lane_transport import LaneTransport
from insitu.v1.access_pb2 import ChallengeRequest, CloseRequest, OpenRequest, PackageToken

assert client_lib.identity
assert client_lib.sessions


def main(uid: str, socket: str, transport: str) -> None:
    stolen = json.load(sys.stdin)
    os.setgroups([])
    os.setgid(int(uid))
    os.setuid(int(uid))
    carrier = (LaneTransport if transport == "lane" else GrpcTransport)(Path(socket))
    token = PackageToken.FromString(bytes.fromhex(stolen["token"]))
    opening = OpenRequest(package=stolen["package"], platform_key=stolen["platform_key"], token=token)
    calls = {
        "challenge": (CHALLENGE, ChallengeRequest(package=stolen["package"]), ""),
        "session": (CLOSE, CloseRequest(), stolen["session"]),
        "token": (OPEN, opening, ""),
    }
    answers = {}
    for name, (method, request, session) in calls.items():
        try:
            carrier.call(method, request, session=session, timeout_s=10)
            answers[name] = "OK"
        except InsituError as error:
            answers[name] = error.status
    print(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
