"""The Artifacts service (artifact.proto)."""

from artifact_manager import BlobStore
from insitu.v1 import artifact_pb2 as pb
from platform_daemon.fair_threads import FairThreads
from platform_daemon.transport.calls import CallContext


class ArtifactServicer:
    def __init__(self, blobs: BlobStore, threads: FairThreads) -> None:
        self._blobs = blobs
        self._threads = threads

    async def missing(self, request: pb.MissingArtifactsRequest, context: CallContext) -> pb.MissingArtifactsResponse:
        enclave = context.enclave.number
        wanted = await self._threads.run(enclave, self._blobs.missing, enclave, list(request.sha256))
        return pb.MissingArtifactsResponse(sha256=wanted)

    async def put(self, request: pb.PutArtifactRequest, context: CallContext) -> pb.PutArtifactResponse:
        enclave = context.enclave.number
        complete = await self._threads.run(
            enclave,
            self._blobs.put,
            enclave,
            request.sha256,
            request.size_bytes,
            request.offset_bytes,
            request.data,
        )
        return pb.PutArtifactResponse(complete=complete)
