"""What an app links to learn on the device, for programs on asyncio: the names and options of `client_lib`, awaited.

async with Learning.connect(package="com.example.keyboard", credentials="insitu.json") as learning:
    words = await learning.get_collection_client(CollectionOptions("words"))
    words.add({"x": [0.0, 1.0], "label": 3})  # a Task: await it, or ignore it
    predictor = learning.get_predictor_client(PredictorOptions("file:words.infer.plan"))
    print(await predictor.predict({"x": [0.0, 1.0]}))
"""

from client_lib.aio.collection import CollectionClient
from client_lib.aio.learning import Connecting, Learning
from client_lib.aio.predictor import PredictorClient
from client_lib.aio.tasks import Task
from client_lib.aio.trainer import TrainerClient

__all__ = ["CollectionClient", "Connecting", "Learning", "PredictorClient", "Task", "TrainerClient"]
