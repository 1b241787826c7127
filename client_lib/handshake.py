"""From a credentials file to a session: approval, registration (once for each daemon), and a session."""

import contextlib
from contextlib import AbstractContextManager
from functools import partial
from typing import Protocol

from client_lib.credentials import Credentials
from client_lib.errors import FailedPrecondition, NotApproved, NotFound, Unauthenticated
from client_lib.steps import Pause, Steps, blocking, send
from client_lib.transport import Method
from insitu.v1 import access_pb2 as access

REQUEST_APPROVAL = Method("Access", "RequestApproval", access.RequestApprovalRequest, access.RequestApprovalResponse)
CHALLENGE = Method("Access", "Challenge", access.ChallengeRequest, access.ChallengeResponse)
REGISTER = Method("Access", "Register", access.RegisterRequest, access.RegisterResponse, repeatable=False)
OPEN = Method("Access", "Open", access.OpenRequest, access.OpenResponse, repeatable=False)
CLOSE = Method("Access", "Close", access.CloseRequest, access.CloseResponse)

_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 0.01


class Keys(Protocol):
    """Where an app keeps its credentials: a file, of which several processes may have a hand on at once."""

    def read(self) -> Credentials:
        """Raises CredentialsError."""
        ...

    def try_lock(self) -> AbstractContextManager[object] | None:
        """The right to change them, to be released by leaving it; None while another has it."""
        ...

    def update(self, credentials: Credentials) -> None:
        """Replace them. Under the lock only. Raises CredentialsError."""
        ...


def open_session(keys: Keys) -> Steps[str]:
    """Open a session, going through whatever steps are still to be made.

    Raises NotApproved (after handing in the request), CredentialsError, Unauthenticated where the daemon refuses the
    app's identity, and what Transport.call raises.
    """
    credentials = yield from blocking(keys.read)
    challenge = yield from _challenge(credentials)
    known = credentials.platform_keys.get(challenge.audience, "")
    session = (yield from _open_if_known(credentials, challenge, known)) if known else ""
    return session or (yield from _register_and_open(keys, challenge.audience, known))


def request_approval(credentials: Credentials) -> Steps[bool]:
    """Hand in the certificate request. Returns whether the app is approved already; repeating changes nothing."""
    from client_lib.identity import hashed_api_key

    request = access.RequestApprovalRequest(
        package=credentials.package,
        api_key_sha256=hashed_api_key(credentials),
        certificate_request_pem=credentials.certificate_request_pem,
        context=credentials.context,
    )
    return (yield from send(REQUEST_APPROVAL, request, "", _TIMEOUT_S)).approved


def close_session(session: str) -> Steps[None]:
    yield from send(CLOSE, access.CloseRequest(), session, _TIMEOUT_S)


def _challenge(credentials: Credentials) -> Steps[access.ChallengeResponse]:
    request = access.ChallengeRequest(package=credentials.package)
    try:
        with contextlib.suppress(NotFound):
            return (yield from send(CHALLENGE, request, "", _TIMEOUT_S))
        if not (yield from request_approval(credentials)):
            raise NotApproved(credentials.package)
        return (yield from send(CHALLENGE, request, "", _TIMEOUT_S))
    except FailedPrecondition as error:
        if error.reason == "NOT_APPROVED":
            raise NotApproved(credentials.package) from None
        raise


def _open_if_known(credentials: Credentials, challenge: access.ChallengeResponse, platform_key: str) -> Steps[str]:
    """A session, or "" where the key is no longer known: it went with its app, or with the daemon's state."""
    try:
        return (yield from _open(credentials, challenge, platform_key))
    except Unauthenticated:
        return ""


def _register_and_open(keys: Keys, audience: str, refused: str) -> Steps[str]:
    """Register, unless another process of this app did so meanwhile; then open."""
    while (lock := (yield from blocking(keys.try_lock))) is None:
        yield Pause(_LOOK_AGAIN_S)
    with lock:
        credentials = yield from blocking(keys.read)
        key = credentials.platform_keys.get(audience, "")
        if key in ("", refused):
            challenge = yield from _challenge(credentials)
            key = yield from _register(credentials, challenge)
            credentials = credentials.with_platform_key(challenge.audience, key, challenge.certificate_pem)
            yield from blocking(partial(keys.update, credentials))
    return (yield from _open(credentials, (yield from _challenge(credentials)), key))


def _register(credentials: Credentials, challenge: access.ChallengeResponse) -> Steps[str]:
    request = access.RegisterRequest(
        package=credentials.package,
        api_key=credentials.api_key,
        certificate_pem=challenge.certificate_pem,
        token=_token(credentials, challenge, access.TokenPurpose.REGISTER),
    )
    return (yield from send(REGISTER, request, "", _TIMEOUT_S)).platform_key


def _open(credentials: Credentials, challenge: access.ChallengeResponse, platform_key: str) -> Steps[str]:
    request = access.OpenRequest(
        package=credentials.package,
        platform_key=platform_key,
        token=_token(credentials, challenge, access.TokenPurpose.OPEN),
    )
    return (yield from send(OPEN, request, "", _TIMEOUT_S)).session


def _token(
    credentials: Credentials, challenge: access.ChallengeResponse, purpose: access.TokenPurpose
) -> access.PackageToken:
    from client_lib.identity import sign_token

    return sign_token(credentials, audience=challenge.audience, nonce=challenge.nonce, purpose=purpose)
