"""LiteRT keeps the engines' contract."""

import gc
import sys

import numpy as np
import pytest

from ml_engines.engine import Engine
from ml_engines.litert import LiteRTEngine
from tests.engines.contract import EngineContract
from tests.engines.graphs import CLASSES, FEATURES, litert_flatbuffer


class TestLiteRT(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return LiteRTEngine()

    @pytest.fixture
    def graph(self) -> bytes:
        return litert_flatbuffer()

    def test_a_runner_outlives_its_model(self, engine: Engine, graph: bytes) -> None:
        content = bytes(bytearray(graph))
        unheld = sys.getrefcount(content)
        run = engine.load(content).runner("set_parameters")
        gc.collect()
        assert sys.getrefcount(content) > unheld
        run({"w": np.zeros((FEATURES, CLASSES), "f4"), "b": np.zeros(CLASSES, "f4")})
        del run
        gc.collect()
        assert sys.getrefcount(content) == unheld
