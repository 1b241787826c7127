"""MLServer's part: a custom runtime, and the folder from which it is started."""

from pathlib import Path

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from benchmarks.peers.model import Digits


class DigitsRuntime(MLModel):
    """`parameters.uri` of the model's settings is the folder of graph and parameters."""

    async def load(self) -> bool:
        assert self.settings.parameters is not None
        assert self.settings.parameters.uri is not None
        self._digits = Digits(Path(self.settings.parameters.uri))
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        probabilities = self._digits(NumpyCodec.decode_input(payload.inputs[0]))
        output = NumpyCodec.encode_output("probabilities", probabilities)
        return InferenceResponse(model_name=self.name, outputs=[output])
