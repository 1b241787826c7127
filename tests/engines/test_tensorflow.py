"""TensorFlow keeps the engines' contract."""

import pytest

from ml_engines.engine import Engine
from ml_engines.tensorflow import TensorFlowEngine
from tests.engines.contract import EngineContract
from tests.engines.graphs import saved_model_zip


class TestTensorFlow(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return TensorFlowEngine()

    @pytest.fixture
    def graph(self) -> bytes:
        return saved_model_zip()
