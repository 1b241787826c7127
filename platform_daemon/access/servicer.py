"""The Access service (access.proto): from a stranger to a session."""

from insitu.v1 import access_pb2 as pb
from platform_daemon.access import nonces as nonce_rules
from platform_daemon.access.apps import Apps
from platform_daemon.access.authority import Authority
from platform_daemon.access.names import check_package
from platform_daemon.access.nonces import Nonces
from platform_daemon.access.sessions import Sessions
from platform_daemon.access.tokens import verify_token
from platform_daemon.errors import FailedPrecondition, InvalidArgument, NotFound
from platform_daemon.fair_threads import FairThreads
from platform_daemon.transport.calls import CallContext, Peer, stranger

_API_KEY_LIMIT_CHARACTERS = 256


class AccessServicer:
    """Every method is open to any process that reaches the apps' socket."""

    def __init__(
        self,
        authority: Authority,
        apps: Apps,
        nonces: Nonces,
        sessions: Sessions,
        audience: str,
        threads: FairThreads,
    ) -> None:
        """`audience` names this daemon; tokens made for another are refused. Strangers' requests keep `threads` busy:
        threads of their own keep them from delaying the calls of sessions."""
        self._authority = authority
        self._apps = apps
        self._nonces = nonces
        self._sessions = sessions
        self._audience = audience
        self._threads = threads

    async def request_approval(
        self, request: pb.RequestApprovalRequest, context: CallContext
    ) -> pb.RequestApprovalResponse:
        app = await self._threads.run(
            stranger(context.peer),
            lambda: self._authority.request(
                request.package,
                request.certificate_request_pem,
                request.api_key_sha256,
                tuple(request.context),
                context.peer.uid,
            ),
        )
        return pb.RequestApprovalResponse(approved=bool(app.certificate_pem))

    async def challenge(self, request: pb.ChallengeRequest, context: CallContext) -> pb.ChallengeResponse:
        package = check_package(request.package)
        app = await self._threads.run(stranger(context.peer), self._apps.find, package)
        if app is None:
            raise NotFound(f"{package} has not asked for approval here: hand in a request first", reason="UNKNOWN_APP")
        if not app.certificate_pem:
            raise FailedPrecondition(
                f"{package} waits for approval: run `insitu app approve {package}`", reason="NOT_APPROVED"
            )
        return pb.ChallengeResponse(
            nonce=self._nonces.issue(context.peer.uid, package),
            nonce_lifetime_s=nonce_rules.LIFETIME_S,
            audience=self._audience,
            certificate_pem=app.certificate_pem,
        )

    async def register(self, request: pb.RegisterRequest, context: CallContext) -> pb.RegisterResponse:
        check_package(request.package)
        if not 0 < len(request.api_key) <= _API_KEY_LIMIT_CHARACTERS:
            raise InvalidArgument(f"1 to {_API_KEY_LIMIT_CHARACTERS} characters are expected", field="api_key")
        return await self._threads.run(stranger(context.peer), self._register, request, context.peer)

    async def open(self, request: pb.OpenRequest, context: CallContext) -> pb.OpenResponse:
        check_package(request.package)
        response = await self._threads.run(stranger(context.peer), self._open, request, context.peer)
        context.caller = self._sessions.check(response.session, context.peer)
        return response

    async def close(self, request: pb.CloseRequest, context: CallContext) -> pb.CloseResponse:
        self._sessions.close(context.session, context.peer)
        return pb.CloseResponse()

    def _register(self, request: pb.RegisterRequest, peer: Peer) -> pb.RegisterResponse:
        app = self._authority.verify_registration(request.package, request.api_key, request.certificate_pem)
        self._spend(request.token, app.public_key, request.package, peer, pb.TokenPurpose.REGISTER)
        return pb.RegisterResponse(platform_key=self._authority.issue_platform_key(request.package, peer.uid))

    def _open(self, request: pb.OpenRequest, peer: Peer) -> pb.OpenResponse:
        public_key = self._authority.public_key(request.package, peer.uid, request.platform_key)
        self._spend(request.token, public_key, request.package, peer, pb.TokenPurpose.OPEN)
        session = self._authority.open_session(request.package, peer.uid, request.platform_key)
        self._apps.seen(request.package)
        return pb.OpenResponse(session=session, lifetime_s=self._sessions.lifetime_s)

    def _spend(
        self, token: pb.PackageToken, public_key: bytes, package: str, peer: Peer, purpose: pb.TokenPurpose
    ) -> None:
        """Verify a token for this call and use its nonce up."""
        nonce = verify_token(token, public_key, package=package, audience=self._audience, purpose=purpose)
        self._nonces.use(nonce, peer.uid, package)
