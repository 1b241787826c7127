"""Predictions by a plan and parameters, awaited."""

from collections.abc import Mapping, Sequence

from client_lib.aio.connection import Connection
from client_lib.artifacts import ArtifactUploader
from client_lib.encoding import Features, Value
from client_lib.options import PredictorOptions
from client_lib.predictor import PredictorSteps
from client_lib.tensors import Prediction, Ranked, ServedBy


class PredictorClient:
    """As `client_lib.PredictorClient`. Calls of several tasks go side by side; one that is cancelled is given up by the
    daemon too."""

    def __init__(self, connection: Connection, uploader: ArtifactUploader, options: PredictorOptions) -> None:
        self.options = options
        self._connection = connection
        self._steps = PredictorSteps(connection.calls, uploader, options)

    async def load(self) -> ServedBy:
        """Load and warm up the model, so that the first prediction is fast. Optional."""
        return await self._connection.run(self._steps.load())

    async def predict(self, example: Features) -> Prediction:
        """Predict for one example; the outputs have no batch dimension.

        A feature that the plan does not read is ignored, so that an app may give all it has; look twice at the spelling
        of one for which the plan has a default."""
        return (await self.predict_many([example])).row(0)

    async def predict_many(self, examples: Sequence[Features]) -> Prediction:
        """Predict for many examples in one call; row i of each output answers example i."""
        return await self._connection.run(self._steps.predict_many(examples))

    async def predict_columns(self, columns: Mapping[str, Value]) -> Prediction:
        """Predict for the rows of a table in one call, much faster than as many examples: an array for each feature
        (or nested lists of numbers), whose first extent is the number of rows. Row i of each output answers row i.

        A column that the plan does not read is ignored, a misspelt one too; in place of one that is missing the plan's
        default serves, and without a default the call is refused (FEATURE_MISSING)."""
        return await self._connection.run(self._steps.predict_columns(columns))

    async def predict_rank(self, context: Features, candidates: Sequence[Features]) -> list[Ranked]:
        """Order candidates by the plan's score, best first. `context` holds the features common to all of them; a
        candidate's own value wins."""
        return await self._connection.run(self._steps.predict_rank(context, candidates))
