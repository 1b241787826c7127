"""The Prediction service (prediction.proto)."""

from insitu.v1 import prediction_pb2 as pb
from insitu.v1.worker_pb2 import PredictionHead
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

    async def predict_rank(self, request: pb.PredictRankRequest, context: CallContext) -> pb.PredictRankResponse:
        if not request.candidates:
            raise InvalidArgument("is empty; send at least one candidate", field="candidates")
        candidates = [candidate.SerializeToString() for candidate in request.candidates]
        shared = request.shared.SerializeToString()
        reply, served_by = await self._service.rank(context.enclave, request.model, shared, candidates)
        scores = reply.scores.scores
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        ranking = [pb.RankedCandidate(index=index, score=scores[index]) for index in order]
        return pb.PredictRankResponse(ranking=ranking, served_by=served_by)
