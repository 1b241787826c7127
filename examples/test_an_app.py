"""An app's own tests: no daemon, no graph, no waiting. `pytest test_an_app.py` runs them."""

import pytest

from client_lib import CollectionOptions, DaemonNotRunning, PredictorOptions, testing

PLAN = testing.inference_plan("keyboard/next-word")


class Keyboard:
    """The app: suggests the next word, and learns from the one that the user chose."""

    def __init__(self, learning):
        self.words = learning.get_collection_client(CollectionOptions("words", context=["power"]))
        self.predictor = learning.get_predictor_client(PredictorOptions(PLAN))

    def suggest(self, before):
        return self.predictor.predict({"before": before})["word"].tolist().decode()

    def chosen(self, before, word):
        self.words.add({"before": before, "word": word})


@pytest.fixture
def device():
    with testing.Device() as device:
        device.predicts(PLAN, lambda features, version: {"word": "world" if features["before"] == [b"hello"] else "?"})
        yield device


def test_words_are_suggested_and_collected(device):
    device.set_context("power", charging=True)
    keyboard = Keyboard(device.connect("com.example.keyboard", context=["power.charging"]))
    keyboard.chosen("hello", keyboard.suggest("hello"))
    keyboard.words.stats()  # waits for what is on its way
    (stored,) = device.stored("com.example.keyboard", "words")
    assert stored.features == {"before": [b"hello"], "word": [b"world"]}
    assert stored.context == {"power": {"charging": [1]}}


def test_without_consent_nothing_is_stored(device):
    keyboard = Keyboard(device.connect("com.example.keyboard", consent=False))
    keyboard.chosen("hello", "world")
    keyboard.words.stats()
    assert device.stored("com.example.keyboard", "words") == []


def test_a_daemon_that_is_gone_is_told(device):
    keyboard = Keyboard(device.connect("com.example.keyboard"))
    device.stop()
    with pytest.raises(DaemonNotRunning, match="insitu daemon run"):
        keyboard.suggest("hello")
