import time

import numpy as np
from sklearn.datasets import load_digits

from client_lib import CollectionOptions, Learning, OneOff, PredictorOptions, TrainerOptions

images, labels = load_digits(return_X_y=True)


def right(predictor):
    answers = predictor.predict_many([{"pixels": image} for image in images[1400:]])
    return np.mean(np.argmax(answers["probabilities"], axis=1) == labels[1400:])


with Learning.connect(package="com.example.digits", credentials="digits.json") as learning:
    digits = learning.get_collection_client(CollectionOptions("digits"))
    pairs = zip(images[100:1400], labels[100:1400], strict=True)
    digits.add_many({"pixels": image, "label": label} for image, label in pairs).result()
    predictor = learning.get_predictor_client(PredictorOptions("file:digits.infer.plan", "artifact:/hand/params"))
    options = TrainerOptions("hand", "file:digits.train.plan", output="artifact:/hand/params", cadence=OneOff())
    trainer = learning.get_trainer_client(options)
    print(f"right before: {right(predictor):.3f}", trainer.schedule().state.name, sep="\n")
    while not trainer.status().output_version:
        time.sleep(0.2)
    print(f"right after:  {right(predictor):.3f}")
