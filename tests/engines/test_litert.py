"""LiteRT keeps the engines' contract."""

import pytest

from ml_engines.engine import Engine
from ml_engines.litert import LiteRTEngine
from tests.engines.contract import EngineContract
from tests.engines.graphs import litert_flatbuffer


class TestLiteRT(EngineContract):
    @pytest.fixture
    def engine(self) -> Engine:
        return LiteRTEngine()

    @pytest.fixture
    def graph(self) -> bytes:
        return litert_flatbuffer()
