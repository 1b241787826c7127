"""From a credentials file to a session: approval, registration (once for each daemon), and a session."""

import contextlib

from client_lib.credentials import Credentials, CredentialsFile
from client_lib.errors import FailedPrecondition, NotApproved, NotFound, Unauthenticated
from client_lib.transport import Method, Transport
from insitu.v1 import access_pb2 as access

REQUEST_APPROVAL = Method("Access", "RequestApproval", access.RequestApprovalRequest, access.RequestApprovalResponse)
CHALLENGE = Method("Access", "Challenge", access.ChallengeRequest, access.ChallengeResponse)
REGISTER = Method("Access", "Register", access.RegisterRequest, access.RegisterResponse, repeatable=False)
OPEN = Method("Access", "Open", access.OpenRequest, access.OpenResponse, repeatable=False)
CLOSE = Method("Access", "Close", access.CloseRequest, access.CloseResponse)

_TIMEOUT_S = 10.0


def open_session(transport: Transport, keys: CredentialsFile) -> str:
    """Open a session, going through whatever steps are still to be made.

    Raises NotApproved (after handing in the request), CredentialsError, Unauthenticated where the daemon refuses the
    app's identity, and what Transport.call raises.
    """
    credentials = keys.read()
    challenge = _challenge(transport, credentials)
    known = credentials.platform_keys.get(challenge.audience, "")
    session = _open_if_known(transport, credentials, challenge, known) if known else ""
    return session or _register_and_open(transport, keys, challenge.audience, known)


def request_approval(transport: Transport, credentials: Credentials) -> bool:
    """Hand in the certificate request. Returns whether the app is approved already; repeating changes nothing."""
    from client_lib.identity import hashed_api_key

    request = access.RequestApprovalRequest(
        package=credentials.package,
        api_key_sha256=hashed_api_key(credentials),
        certificate_request_pem=credentials.certificate_request_pem,
        context=credentials.context,
    )
    return transport.call(REQUEST_APPROVAL, request, session="", timeout_s=_TIMEOUT_S).approved


def close_session(transport: Transport, session: str) -> None:
    transport.call(CLOSE, access.CloseRequest(), session=session, timeout_s=_TIMEOUT_S)


def _challenge(transport: Transport, credentials: Credentials) -> access.ChallengeResponse:
    request = access.ChallengeRequest(package=credentials.package)
    try:
        with contextlib.suppress(NotFound):
            return transport.call(CHALLENGE, request, session="", timeout_s=_TIMEOUT_S)
        if not request_approval(transport, credentials):
            raise NotApproved(credentials.package)
        return transport.call(CHALLENGE, request, session="", timeout_s=_TIMEOUT_S)
    except FailedPrecondition as error:
        if error.reason == "NOT_APPROVED":
            raise NotApproved(credentials.package) from None
        raise


def _open_if_known(
    transport: Transport, credentials: Credentials, challenge: access.ChallengeResponse, platform_key: str
) -> str:
    """A session, or "" where the key is no longer known: it went with its app, or with the daemon's state."""
    try:
        return _open(transport, credentials, challenge, platform_key)
    except Unauthenticated:
        return ""


def _register_and_open(transport: Transport, keys: CredentialsFile, audience: str, refused: str) -> str:
    """Register, unless another process of this app did so meanwhile; then open."""
    with keys.updating() as held:
        credentials, key = held, held.platform_keys.get(audience, "")
        if key in ("", refused):
            challenge = _challenge(transport, held)
            key = _register(transport, held, challenge)
            credentials = held.with_platform_key(challenge.audience, key, challenge.certificate_pem)
            keys.update(credentials)
    return _open(transport, credentials, _challenge(transport, credentials), key)


def _register(transport: Transport, credentials: Credentials, challenge: access.ChallengeResponse) -> str:
    from client_lib.identity import sign_token

    request = access.RegisterRequest(
        package=credentials.package,
        api_key=credentials.api_key,
        certificate_pem=challenge.certificate_pem,
        token=sign_token(
            credentials, audience=challenge.audience, nonce=challenge.nonce, purpose=access.TokenPurpose.REGISTER
        ),
    )
    return transport.call(REGISTER, request, session="", timeout_s=_TIMEOUT_S).platform_key


def _open(
    transport: Transport, credentials: Credentials, challenge: access.ChallengeResponse, platform_key: str
) -> str:
    from client_lib.identity import sign_token

    request = access.OpenRequest(
        package=credentials.package,
        platform_key=platform_key,
        token=sign_token(
            credentials, audience=challenge.audience, nonce=challenge.nonce, purpose=access.TokenPurpose.OPEN
        ),
    )
    return transport.call(OPEN, request, session="", timeout_s=_TIMEOUT_S).session
