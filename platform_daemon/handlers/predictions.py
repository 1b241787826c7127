"""The Prediction service (prediction.proto)."""

from insitu.v1 import prediction_pb2 as pb
from insitu.v1.worker_pb2 import PredictionHead, RankingHead
from platform_daemon.errors import InvalidArgument
from platform_daemon.prediction.service import PredictionService
from platform_daemon.transport.calls import CallContext, reads


class PredictionServicer:
    def __init__(self, service: PredictionService) -> None:
        self._service = service

    async def load(self, request: pb.LoadRequest, context: CallContext) -> pb.LoadResponse:
        return pb.LoadResponse(served_by=await self._service.load(context.enclave, request.model))

    @reads(PredictionHead)
    async def predict(self, request: PredictionHead, context: CallContext) -> pb.PredictResponse:
        """The rows are the worker's to read: here they are what the head does not know."""
        model = pb.ModelReference()
        model.CopyFrom(request.model)
        request.ClearField("model")
        rows = request.SerializeToString()
        if not rows:
            raise InvalidArgument("is empty; send at least one example", field="examples")
        reply, served_by = await self._service.predict(context.enclave, model, rows)
        return pb.PredictResponse(outputs=reply.outputs.outputs, served_by=served_by)

    @reads(RankingHead)
    async def predict_rank(self, request: RankingHead, context: CallContext) -> pb.PredictRankResponse:
        """As `predict`: a million empty candidates must not stop the event loop for longer than a large message."""
        model = pb.ModelReference()
        model.CopyFrom(request.model)
        shared = pb.SerializedPredictRankRequest(shared=request.shared).SerializeToString()
        request.ClearField("model")
        request.ClearField("shared")
        candidates = request.SerializeToString()
        if not candidates:
            raise InvalidArgument("is empty; send at least one candidate", field="candidates")
        reply, served_by = await self._service.rank(context.enclave, model, candidates + shared)
        return pb.PredictRankResponse(ranking=reply.ranking.ranking, served_by=served_by)
