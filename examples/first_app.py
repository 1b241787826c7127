import time

import keras
from sklearn.datasets import load_digits

from client_lib import CollectionOptions, Learning, PredictorOptions, TrainerOptions
from plan_toolkit import ExampleQuery, Feed, author

images, labels = load_digits(return_X_y=True)
examples = [{"pixels": image / 16, "label": label} for image, label in zip(images, labels, strict=True)]
model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(10, "softmax")])
infer, train = author(
    model, name="digits", version="1.0.0", feeds=[Feed("pixels")], label_feed=Feed("label"), epochs=30,
    loss="sparse_categorical_crossentropy", optimizer="adam", query=ExampleQuery("digits"),
).save(".")  # fmt: skip

with Learning.connect(package="com.example.first", credentials="first.json") as learning:
    learning.get_collection_client(CollectionOptions("digits")).add_many(examples[:1500]).result()
    trainer = learning.get_trainer_client(TrainerOptions("digits", plan=train, output="artifact:/digits/params"))
    predictor = learning.get_predictor_client(PredictorOptions(plan=infer, parameters="artifact:/digits/params"))
    while not (status := trainer.schedule()).output_version:
        print(status.state.value, *status.reasons)
        time.sleep(1)
    read = [row.index(max(row)) for row in predictor.predict_many(examples[1500:])["probabilities"].tolist()]
    print(f"{sum(read == labels[1500:]) / len(read):.0%} of new digits are read correctly")
