"""How new parameters go live: warmed up where they will serve, then put into use, then their predecessors unloaded."""

import asyncio
import contextlib
from hashlib import sha256

from platform_daemon.artifacts import PersonalParameters
from platform_daemon.errors import Unavailable
from platform_daemon.prediction.service import PredictionService
from platform_daemon.training.world import NewVersion


class Publishing:
    """The parameters of all enclaves, as training sees them."""

    def __init__(self, parameters: PersonalParameters, prediction: PredictionService) -> None:
        self._parameters = parameters
        self._prediction = prediction

    def in_use(self, enclave: int, uri: str) -> int:
        return self._parameters.in_use(enclave, uri)

    def read(self, enclave: int, uri: str, version: int) -> bytes:
        return self._parameters.read(enclave, uri, version)

    def produced_by(self, enclave: int, uri: str, run: int) -> int:
        return self._parameters.produced_by(enclave, uri, run)

    async def publish(self, enclave: int, uri: str, new: NewVersion) -> int:
        """Parameters that no worker can load are refused here, and the old ones go on serving. Raises DaemonError."""
        # A worker that ends meanwhile is no reason: the next one loads what is in use then.
        with contextlib.suppress(Unavailable):
            await self._prediction.warm(enclave, uri, sha256(new.parameters).hexdigest(), new.parameters)
        version = await asyncio.to_thread(self._parameters.commit, enclave, uri, new)
        await self._prediction.retire(enclave, uri)
        return version
