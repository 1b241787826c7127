"""Examples on their way into a graph, in the processes that run graphs."""

from pathlib import Path

from insitu.v1.example_pb2 import DATA_TYPE_BYTES, DATA_TYPE_FLOAT32, DATA_TYPE_INT64, Example, Feature, Features
from insitu.v1.plan_pb2 import Feed
from ml_engines.errors import EngineError
from ml_engines.feeds import Feeds
from tests.fuzz.target import FuzzTarget


def feature(**values: list[object]) -> Feature:
    made = Feature()
    for kind, elements in values.items():
        getattr(made, kind).value.extend(elements)
    return made


FEEDS = Feeds(
    [
        Feed(feature="x", input="x", dtype=DATA_TYPE_FLOAT32, shape=[2]),
        Feed(feature="n", input="n", dtype=DATA_TYPE_INT64, default=feature(int64_list=[7])),
        Feed(feature="s", input="s", dtype=DATA_TYPE_BYTES, default=feature(bytes_list=[b""])),
        Feed(feature="context:power.charging", input="c", dtype=DATA_TYPE_INT64, default=feature(int64_list=[0])),
    ]
)


def parse(data: bytes) -> None:
    """The same bytes as an example, as what all share, and as context."""
    arrays = FEEDS.batch([data, data])
    assert [arrays[name].shape[0] for name in "xnsc"] == [2, 2, 2, 2]
    assert arrays["x"].shape == (2, 2)
    context = Example.FromString(data).features
    FEEDS.batch([b""], context, data)
    FEEDS.rows([data], [context], [1])


def target(folder: Path) -> FuzzTarget:
    features = {
        "x": feature(float_list=[1.0, 2.0]),
        "n": feature(int64_list=[1 << 60]),
        "s": feature(bytes_list=[b"text"]),
        "context:power.charging": feature(int64_list=[1]),
    }
    example = Example(features=Features(feature=features)).SerializeToString()
    seeds = (example, Example(features=Features(feature={"x": features["x"]})).SerializeToString())
    return FuzzTarget(parse, (EngineError,), seeds, (b"context:power.charging", b"\x0a\x01x\x12"))
