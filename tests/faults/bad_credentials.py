"""K12: credentials that are replayed, expired, forged, another audience's or another user's, over either transport."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable

from client_lib import InsituError
from client_lib.identity import sign_token
from insitu.v1.access_pb2 import PackageToken, TokenPurpose
from platform_daemon.access import nonces
from tests.access.simulated_app import PACKAGE
from tests.faults.access_device import OpenDevice, open_device

NOBODY = 65534
FOREIGN_EVERY = 100
"""To become another user takes a process, so it is done once in so many attempts."""
Attempt = Callable[[OpenDevice, random.Random], object]


def present_bad_credentials(count: int, seed: int, transport: str) -> list[str]:
    """So many attempts, each of which must be UNAUTHENTICATED; in between, the honest way goes on to work."""
    chance, failures = random.Random(seed), []
    with open_device(transport) as app:
        for number in range(count):
            name = chance.choice(tuple(ATTEMPTS))
            try:
                ATTEMPTS[name](app, chance)
                failures.append(f"{name} was let in over {transport}")
            except InsituError as error:
                if error.status != "UNAUTHENTICATED":
                    failures.append(f"{name} was answered {error.status} over {transport}: {error}")
            if number % FOREIGN_EVERY == 0:
                app.close(app.open())
                # Tokens that are good are counted, too.
                app.device.clock.advance(nonces.LIFETIME_S + 1)
                failures += foreign(app, transport) if os.geteuid() == 0 else []
    return failures


def foreign(app: OpenDevice, transport: str) -> list[str]:
    """What another OS user gets by all that an app has."""
    stolen = {
        "package": PACKAGE,
        "platform_key": next(iter(app.credentials.platform_keys.values())),
        "token": app.token().SerializeToString().hex(),
        "session": app.open(),
    }
    command = [sys.executable, "-m", "tests.faults.foreign_user", str(NOBODY), str(app.socket), transport]
    done = subprocess.run(command, input=json.dumps(stolen), capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        return [f"the foreign user ended: {done.stderr[-1000:]}"]
    answers = json.loads(done.stdout)
    wanted = {"challenge": "OK", "session": "UNAUTHENTICATED", "token": "UNAUTHENTICATED"}
    return [] if answers == wanted else [f"another user was answered {answers} over {transport}"]


def _replayed(app: OpenDevice, chance: random.Random) -> object:
    token = app.token()
    app.open_with(token)
    return app.open_with(token)


def _expired_token(app: OpenDevice, chance: random.Random) -> object:
    token = app.token()
    app.device.clock.advance(nonces.LIFETIME_S + chance.uniform(0.001, 1e6))
    return app.open_with(token)


def _expired_session(app: OpenDevice, chance: random.Random) -> object:
    session = app.open()
    app.device.clock.advance(app.device.sessions.lifetime_s + chance.uniform(0.001, 1e6))
    return app.close(session)


def _forged(app: OpenDevice, chance: random.Random) -> object:
    """One bit of the statement or of the signature."""
    token = app.token()
    parts = [bytearray(token.statement), bytearray(token.signature)]
    part = chance.choice(parts)
    part[chance.randrange(len(part))] ^= 1 << chance.randrange(8)
    return app.open_with(PackageToken(statement=bytes(parts[0]), signature=bytes(parts[1])))


def _another_audience(app: OpenDevice, chance: random.Random) -> object:
    nonce = app.device.nonces.issue(os.getuid(), PACKAGE)
    token = sign_token(app.credentials, audience=f"device-{chance.random()}", nonce=nonce, purpose=TokenPurpose.OPEN)
    return app.open_with(token)


def _another_users_nonce(app: OpenDevice, chance: random.Random) -> object:
    nonce = app.device.nonces.issue(os.getuid() + 1 + chance.randrange(1000), PACKAGE)
    return app.open_with(_signed(app, nonce))


def _made_up_nonce(app: OpenDevice, chance: random.Random) -> object:
    return app.open_with(_signed(app, chance.randbytes(chance.choice((0, 55, 56, 57)))))


def _another_purpose(app: OpenDevice, chance: random.Random) -> object:
    return app.open_with(app.token(TokenPurpose.REGISTER))


def _made_up_key(app: OpenDevice, chance: random.Random) -> object:
    return app.open_with(app.token(), chance.choice(("", "x" * 43, "\N{SNOWMAN}")))


def _made_up_session(app: OpenDevice, chance: random.Random) -> object:
    return app.close(chance.choice(("", "x" * 43, app.open()[:-1])))


def _closed_session(app: OpenDevice, chance: random.Random) -> object:
    session = app.open()
    app.close(session)
    return app.close(session)


def _signed(app: OpenDevice, nonce: bytes) -> PackageToken:
    audience = next(iter(app.credentials.platform_keys))
    return sign_token(app.credentials, audience=audience, nonce=nonce, purpose=TokenPurpose.OPEN)


ATTEMPTS: dict[str, Attempt] = {
    "a replayed token": _replayed,
    "an expired token": _expired_token,
    "an expired session": _expired_session,
    "a forged token": _forged,
    "another audience's token": _another_audience,
    "another user's nonce": _another_users_nonce,
    "a made-up nonce": _made_up_nonce,
    "a token for another purpose": _another_purpose,
    "a made-up platform key": _made_up_key,
    "a made-up session": _made_up_session,
    "a closed session": _closed_session,
}
