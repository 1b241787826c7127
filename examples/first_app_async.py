import asyncio

import numpy as np
from sklearn.datasets import load_digits

from client_lib import CollectionOptions, OneOff, PredictorOptions, TrainerOptions
from client_lib.aio import Learning

images, labels = load_digits(return_X_y=True)


async def right(predictor):
    answers = await asyncio.gather(*[predictor.predict({"pixels": image}) for image in images[1400:]])
    return np.mean([np.argmax(answer["probabilities"]) for answer in answers] == labels[1400:])


async def main():
    async with Learning.connect(package="com.example.digits", credentials="digits.json") as learning:
        digits = await learning.get_collection_client(CollectionOptions("digits"))
        for image, label in zip(images[100:1400], labels[100:1400], strict=True):
            digits.add({"pixels": image, "label": label})  # a task: await it, or ignore it
        predictor = learning.get_predictor_client(PredictorOptions("file:digits.infer.plan", "artifact:/loop/params"))
        options = TrainerOptions("loop", "file:digits.train.plan", output="artifact:/loop/params", cadence=OneOff())
        trainer = learning.get_trainer_client(options)
        print(f"right before: {await right(predictor):.3f}")
        session = await trainer.schedule()
        while not session.output_version:
            await asyncio.sleep(0.2)
            session = await trainer.status()
        print(f"right after:  {await right(predictor):.3f}")


asyncio.run(main())
