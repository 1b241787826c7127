"""Plans that the app holds: read with the app's own rights, handed over by digest. The daemon never opens a path."""

import hashlib
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from client_lib.calls import Calls
from client_lib.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound, ResourceExhausted
from client_lib.options import PlanSource
from client_lib.steps import Cell, Steps, T, blocking
from client_lib.transport import Method
from insitu.v1 import artifact_pb2 as wire

MISSING = Method("Artifacts", "Missing", wire.MissingArtifactsRequest, wire.MissingArtifactsResponse)
PUT = Method("Artifacts", "Put", wire.PutArtifactRequest, wire.PutArtifactResponse)

PIECE_BYTES = 1024 * 1024
LARGEST_BYTES = 256 * 1024 * 1024
"""What a daemon takes unless it is configured otherwise. Enough for any plan, and no app dies of reading it."""
_MOST_CORRECTIONS = 8
_LONGEST_LABEL = 255


@dataclass(frozen=True, slots=True)
class LocalArtifact:
    """Bytes that the app holds, and the URI under which the daemon is to know them."""

    uri: str
    sha256: str
    read: Callable[[], bytes]


class ArtifactUploader:
    """Hands over what the daemon does not hold yet."""

    def __init__(self, calls: Calls, assets: Path | None) -> None:
        self._calls = calls
        self._assets = assets

    def new_cell(self) -> "Cell[PlanReference]":
        """For a plan that several callers want at once."""
        return self._calls.new_cell()

    def resolve(self, plan: PlanSource) -> "Steps[PlanReference]":
        """Hand the plan over where it is the app's own, and return what to call it.

        Raises NotFound where there is no such file, InvalidArgument for what is no regular file and for an `asset:`
        that leads out of the folder of assets, DataLoss where a `#sha256=` does not match, ResourceExhausted for more
        than 256 MiB.
        """
        if isinstance(plan, str) and not plan.startswith(("file:", "asset:")):
            return PlanReference(plan, self, None)
        artifact = yield from blocking(lambda: _described(plan, self._assets))
        yield from self.upload(artifact)
        return PlanReference(artifact.uri, self, artifact)

    def upload(self, artifact: LocalArtifact) -> Steps[None]:
        """Send the bytes, unless the daemon holds them. Goes on where an earlier upload stopped."""
        if not (yield from self._is_missing(artifact)):
            return
        data = yield from blocking(artifact.read)
        offset, corrections = 0, 0
        while True:
            try:
                if (yield from self._calls.call(PUT, _piece(artifact, data, offset))).complete:
                    return
                offset += PIECE_BYTES
            except InvalidArgument as error:
                offset, corrections = _right_offset(error), corrections + 1
                if corrections > _MOST_CORRECTIONS:
                    raise
                if not (yield from self._is_missing(artifact)):
                    return

    def _is_missing(self, artifact: LocalArtifact) -> Steps[bool]:
        answer = yield from self._calls.call(MISSING, wire.MissingArtifactsRequest(sha256=[artifact.sha256]))
        return artifact.sha256 in answer.sha256


@dataclass(frozen=True, slots=True)
class PlanReference:
    """A plan as requests name it."""

    uri: str
    _uploader: ArtifactUploader
    _artifact: LocalArtifact | None

    def use(self, call: Callable[[], Steps[T]]) -> Steps[T]:
        """Make a call that names the plan. Where the daemon has lost the plan meanwhile, hand it over and repeat."""
        try:
            return (yield from call())
        except FailedPrecondition as error:
            if self._artifact is None or error.reason != "ARTIFACT_MISSING":
                raise
        yield from self._uploader.upload(self._artifact)
        return (yield from call())


def _piece(artifact: LocalArtifact, data: bytes, offset: int) -> wire.PutArtifactRequest:
    return wire.PutArtifactRequest(
        sha256=artifact.sha256,
        size_bytes=len(data),
        offset_bytes=offset,
        data=data[offset : offset + PIECE_BYTES],
    )


def _right_offset(error: InvalidArgument) -> int:
    """Where the daemon wants the upload to go on. Raises what is no such answer."""
    if error.reason != "WRONG_OFFSET" or not (error.detail or "").isdecimal():
        raise error
    return int(error.detail or "")


def _described(plan: PlanSource, assets: Path | None) -> LocalArtifact:
    try:
        return describe(plan, assets)
    except (TypeError, ValueError, RuntimeError) as error:
        # Of no type that a path has, with a NUL or a lone surrogate in it, or the home of nobody.
        raise InvalidArgument(f"plan: {error}; give a URI, a path or the plan's bytes", field="plan") from error


def describe(plan: PlanSource, assets: Path | None) -> LocalArtifact:
    """What the app holds under that name: reads it once to know its digest. Raises as ArtifactUploader.resolve does."""
    if isinstance(plan, bytes):
        content = plan
        digest = hashlib.sha256(content).hexdigest()
        return LocalArtifact(f"file:plan#sha256={digest}", digest, lambda: content)
    if isinstance(plan, str):
        scheme, _, rest = plan.partition(":")
        name, _, fragment = rest.partition("#")
        path = _asset(unquote(name), assets) if scheme == "asset" else Path(unquote(name)).expanduser()
    else:
        scheme, fragment, path = "file", "", Path(os.fspath(plan))
    digest = hashlib.sha256(_read(path)).hexdigest()
    if fragment and fragment != f"sha256={digest}":
        raise DataLoss(f"{path} has the digest sha256={digest}, not {fragment}; fetch the file again")
    return LocalArtifact(f"{scheme}:{_label(path)}#sha256={digest}", digest, lambda: _read(path))


def _label(path: Path) -> str:
    """The file's name as a URI can carry it. For people: the digest is what counts."""
    label = quote(path.name, errors="replace")
    return label if len(label) <= _LONGEST_LABEL else "plan"


def _asset(name: str, assets: Path | None) -> Path:
    if assets is None:
        raise InvalidArgument(
            f"asset:{name} needs the app's folder of assets; give Learning.connect(assets=DIR)", field="plan"
        )
    root = assets.expanduser().resolve()
    path = (root / name.lstrip("/")).resolve()
    if not path.is_relative_to(root):
        raise InvalidArgument(f"asset:{name} leads out of {root}; name a file within it", field="plan")
    return path


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise InvalidArgument(f"{path} is no regular file; name the file that holds the plan", field="plan")
            if found.st_size > LARGEST_BYTES:
                raise ResourceExhausted(
                    f"{path} is larger than {LARGEST_BYTES >> 20} MiB, the most a plan may have; make it smaller",
                    reason="ARTIFACT_LIMIT",
                    field="plan",
                )
            return file.read(found.st_size)
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}; check the plan's path", field="plan") from error


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for a writer, if it is a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
