"""The Artifacts service (artifact.proto)."""

import asyncio

from artifact_manager import BlobStore
from insitu.v1 import artifact_pb2 as pb
from platform_daemon.transport.calls import CallContext


class ArtifactServicer:
    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs

    async def missing(self, request: pb.MissingArtifactsRequest, context: CallContext) -> pb.MissingArtifactsResponse:
        wanted = await asyncio.to_thread(self._blobs.missing, context.enclave.number, list(request.sha256))
        return pb.MissingArtifactsResponse(sha256=wanted)

    async def put(self, request: pb.PutArtifactRequest, context: CallContext) -> pb.PutArtifactResponse:
        complete = await asyncio.to_thread(
            self._blobs.put,
            context.enclave.number,
            request.sha256,
            request.size_bytes,
            request.offset_bytes,
            request.data,
        )
        return pb.PutArtifactResponse(complete=complete)
