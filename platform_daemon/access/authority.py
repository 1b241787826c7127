"""The embedded authority: which apps there are on this device is decided here, by its owner."""

import hmac
import re
from hashlib import sha256

from platform_daemon.access.apps import App, Apps
from platform_daemon.access.issuer import CertificateRequest, Issuer
from platform_daemon.access.names import check_package, check_wishes
from platform_daemon.access.permissions import Permissions
from platform_daemon.access.sessions import Sessions
from platform_daemon.errors import AlreadyExists, InvalidArgument, NotFound, Unauthenticated
from platform_daemon.state import Database
from platform_daemon.transport.calls import Enclave

_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


class Authority:
    """Approves, verifies and removes apps. Its methods block: on signatures, and on the state database."""

    def __init__(
        self, issuer: Issuer, apps: Apps, permissions: Permissions, sessions: Sessions, database: Database
    ) -> None:
        self._issuer = issuer
        self._apps = apps
        self._permissions = permissions
        self._sessions = sessions
        self._database = database

    def request(self, package: str, pem: str, api_key_sha256: str, context: tuple[str, ...], uid: int) -> App:
        """Record an app's wish to be approved; repeating it changes nothing.

        Raises InvalidArgument, AlreadyExists (known with another key), ResourceExhausted (too many wait).
        """
        request = _read(pem, check_package(package))
        return self._apps.request(request, _api_key_digest(api_key_sha256), check_wishes(context), uid)

    def approve(self, package: str) -> App:
        """Sign the certificate of an app that waits. Approving again changes nothing. Raises NotFound."""
        app = self._apps.find(check_package(package))
        if app is None:
            raise NotFound(
                f"no request of {package} waits: start the app, or hand in its credentials", reason="NO_REQUEST"
            )
        if app.certificate_pem:
            return app
        request = _read(app.certificate_request_pem, package)
        return self._apps.approve(package, self._issuer.certify(request))

    def approve_request(self, package: str, pem: str, api_key_sha256: str, context: tuple[str, ...], uid: int) -> App:
        """Approve a request that the owner hands in. It takes the place of one that waits with another key.

        Raises InvalidArgument, AlreadyExists (approved with another key before).
        """
        replaced = False
        with self._database.transaction():
            try:
                self.request(package, pem, api_key_sha256, context, uid)
            except AlreadyExists:
                if self._apps.get(package).certificate_pem:
                    raise
                replaced = True
                self._apps.drop_request(package)
                self.request(package, pem, api_key_sha256, context, uid)
            app = self.approve(package)
        if replaced:
            self._permissions.forget(package)
        return app

    def remove(self, package: str) -> tuple[Enclave, ...]:
        """Remove an app: sessions, keys, permissions and record. Raises NotFound.

        Returns the enclaves whose data are still to be erased; `Apps.departed` lists them until then.
        """
        leaving = self._apps.remove(package)
        self._sessions.end_package(package)
        self._permissions.forget(package)
        return leaving

    def verify_registration(self, package: str, api_key: str, certificate_pem: str) -> App:
        """The approved app that these three belong to.

        Raises InvalidArgument for what is no certificate, Unauthenticated for all else, without saying which.
        """
        app = self._apps.find(package)
        recorded_pem = app.certificate_pem if app is not None else ""
        try:
            self._issuer.verify(certificate_pem, package)
        except Unauthenticated as error:
            raise _not_verified() from error
        if app is None or not recorded_pem or not _same(certificate_pem, recorded_pem):
            raise _not_verified()
        if not hmac.compare_digest(sha256(api_key.encode()).digest(), app.api_key_sha256):
            raise _not_verified()
        return app

    def open_session(self, package: str, uid: int, platform_key: str) -> str:
        """A session for the holder of a platform key, who has been verified. Raises Unauthenticated."""
        with self._database.read():  # an app that is removed meanwhile finds its session here, and ends it
            enclave = self._apps.holder(package, uid, platform_key)
            if enclave is None:
                raise _not_verified()
            return self._sessions.open(enclave)

    def public_key(self, package: str, uid: int, platform_key: str) -> bytes:
        """The key that signs the tokens of a platform key's holder. Raises Unauthenticated."""
        with self._database.read():
            app = self._apps.find(package)
            if app is None or self._apps.holder(package, uid, platform_key) is None:
                raise _not_verified()
        return app.public_key

    def issue_platform_key(self, package: str, uid: int) -> str:
        """A platform key for a registered app and a user. Raises Unauthenticated if it was removed meanwhile."""
        try:
            with self._database.transaction():
                return self._apps.issue_platform_key(self._apps.enclave(package, uid))
        except NotFound as error:
            raise _not_verified() from error

    def issue_session(self, package: str, uid: int) -> str:
        """A session on the owner's word. Raises NotFound unless the app is approved."""
        with self._database.transaction():
            return self._sessions.open(self._apps.enclave(package, uid))


def _api_key_digest(text: str) -> bytes:
    if not _SHA256_HEX.fullmatch(text):
        raise InvalidArgument(
            "write the SHA-256 of the API key as 64 lower-case hexadecimal digits", field="api_key_sha256"
        )
    return bytes.fromhex(text)


def _not_verified() -> Unauthenticated:
    return Unauthenticated(
        "package, key and certificate do not belong together here: register again, or ask for approval",
        reason="NOT_VERIFIED",
    )


def _read(pem: str, package: str) -> CertificateRequest:
    # Slow to load: see `issuer`.
    from platform_daemon.access.certificates import read_request

    return read_request(pem, package)


def _same(one_pem: str, other_pem: str) -> bool:
    from platform_daemon.access.certificates import same_certificate

    return same_certificate(one_pem, other_pem)
