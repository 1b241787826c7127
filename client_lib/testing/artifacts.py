"""The Artifacts service in memory, and how requests name what was handed over."""

import hashlib
import re
from typing import Literal

from google.protobuf.message import DecodeError

from client_lib.artifacts import LARGEST_BYTES, PIECE_BYTES
from client_lib.errors import DataLoss, FailedPrecondition, InvalidArgument, ResourceExhausted
from client_lib.testing.state import App, State
from insitu.v1 import artifact_pb2 as pb
from insitu.v1.plan_pb2 import Plan

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PINNED = re.compile(r"(?:file|asset|https):[^#]+#sha256=([0-9a-f]{64})")
_ELSEWHERE = re.compile(r"(?:mrepo|federated|artifact):/[a-z0-9][a-z0-9._/-]*(?:\?version=[A-Za-z0-9._-]+)?")
_MUTABLE = re.compile(r"artifact:/([a-z0-9][a-z0-9._-]{0,63})/([a-z0-9][a-z0-9._-]{0,63})")


class Artifacts:
    """Its methods answer one call each, as the daemon does. They raise InsituError with the daemon's reasons."""

    def __init__(self, state: State) -> None:
        self._state = state

    def missing(self, request: pb.MissingArtifactsRequest, app: App) -> pb.MissingArtifactsResponse:
        wanted = [digest for digest in map(_digest, request.sha256) if digest not in app.artifacts]
        return pb.MissingArtifactsResponse(sha256=wanted)

    def put(self, request: pb.PutArtifactRequest, app: App) -> pb.PutArtifactResponse:
        self._check_size(request, app)
        digest = _digest(request.sha256)
        if digest in app.artifacts:
            return pb.PutArtifactResponse(complete=True)
        held = app.partial.get(digest, b"")
        if request.offset_bytes != len(held):
            raise InvalidArgument(
                f"offset_bytes: {request.offset_bytes} leaves a gap; go on from {len(held)}",
                reason="WRONG_OFFSET",
                detail=str(len(held)),
            )
        held += request.data
        if len(held) < request.size_bytes:
            app.partial[digest] = held
            return pb.PutArtifactResponse(complete=False)
        app.partial.pop(digest, None)
        if hashlib.sha256(held).hexdigest() != digest:
            raise DataLoss(
                f"the bytes received do not have sha256 {digest[:12]}…: hand the file over again",
                reason="ARTIFACT_CORRUPT",
            )
        app.artifacts[digest] = held
        return pb.PutArtifactResponse(complete=True)

    def _check_size(self, request: pb.PutArtifactRequest, app: App) -> None:
        size_bytes, data = request.size_bytes, request.data
        if size_bytes < 1:
            raise InvalidArgument("size_bytes: an artifact has at least one byte", reason="WRONG_SIZE")
        if size_bytes > LARGEST_BYTES:
            raise ResourceExhausted(
                f"size_bytes: {size_bytes} is over the limit of {LARGEST_BYTES} bytes", reason="ARTIFACT_LIMIT"
            )
        if not 1 <= len(data) <= PIECE_BYTES:
            raise InvalidArgument(f"data: a piece has 1 to {PIECE_BYTES} bytes, not {len(data)}", reason="WRONG_SIZE")
        if request.offset_bytes < 0 or request.offset_bytes + len(data) > size_bytes:
            raise InvalidArgument(
                f"offset_bytes: the piece reaches beyond size_bytes, {size_bytes}", reason="WRONG_SIZE"
            )
        quota = self._state.limits.artifact_bytes
        if quota is not None and sum(map(len, app.artifacts.values())) + size_bytes > quota:
            raise ResourceExhausted(
                f"size_bytes: the app may hand over {quota} bytes in all; use fewer plans", reason="ARTIFACT_LIMIT"
            )


def named_digest(uri: str, field: str) -> str:
    """The digest by which an app named a plan or parameters. Raises InvalidArgument, FailedPrecondition."""
    pinned = _PINNED.fullmatch(uri)
    if pinned is not None:
        return pinned[1]
    if _ELSEWHERE.fullmatch(uri):
        raise FailedPrecondition(
            f"{field}: {uri} needs a model repository, and none is configured here", reason="NO_REPOSITORY", field=field
        )
    raise InvalidArgument(
        f"{field}: {uri[:120]!r}: end it with #sha256= and the file's digest, 64 hexadecimal digits in lower case",
        reason="BAD_URI",
        field=field,
    )


def mutable_session(uri: str, field: str) -> str:
    """The session that owns an `artifact:` URI. Raises InvalidArgument."""
    named = _MUTABLE.fullmatch(uri)
    if named is None or ".." in uri:
        raise InvalidArgument(
            f"{field}: {uri[:120]!r}: write artifact:/SESSION/NAME, with exactly these two names",
            reason="BAD_URI",
            field=field,
        )
    return named[1]


def plan_of(app: App, digest: str, instructions: Literal["inference", "training"]) -> Plan:
    """A plan that was handed over, of that kind. Its rules are not linted here."""
    if digest not in app.artifacts:
        raise FailedPrecondition(
            f"sha256 {digest[:12]}… is not on this device: hand the file over first", reason="ARTIFACT_MISSING"
        )
    try:
        plan = Plan.FromString(app.artifacts[digest])
    except DecodeError:
        plan = Plan()
    if not plan.name or not plan.WhichOneof("instructions"):
        raise InvalidArgument("plan: is no insitu.v1.Plan; write it by plan_toolkit", reason="PLAN_REJECTED")
    if instructions == "inference" and not plan.HasField("inference"):
        raise InvalidArgument(
            f"model.plan: {plan.name} is no inference plan; give a predictor the plan that ends in .infer.plan",
            reason="NOT_AN_INFERENCE_PLAN",
            field="model.plan",
        )
    if instructions == "training" and not plan.HasField("training"):
        raise InvalidArgument(
            f"options.plan: {plan.name} is no training plan; give a trainer the plan that ends in .train.plan",
            reason="NOT_A_TRAINING_PLAN",
            field="options.plan",
        )
    return plan


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise InvalidArgument("sha256: write 64 hexadecimal digits in lower case", reason="BAD_DIGEST")
    return text
