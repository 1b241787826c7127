"""What an author probably did not mean, though it works."""

from typing import Any

import numpy as np
import tensorflow as tf

from plan_toolkit.drafts import Draft
from plan_toolkit.plans import Notice
from plan_toolkit.trials import trial_batch

_TRIAL_ROWS = 8


def advise(draft: Draft) -> list[Notice]:
    """Notices about a draft, from its answers to a few rows."""
    loss = draft.loss
    if not loss.kind.is_classification or loss.from_logits:
        return []
    batch = trial_batch(draft, _TRIAL_ROWS, seed=0)
    inputs = {feed.input: tf.constant(batch[feed.input]) for feed in draft.model.feeds}
    prediction: Any = draft.model.forward(inputs, False)
    values = np.asarray(prediction)
    if np.all((values >= 0) & (values <= 1)):
        return []
    return [
        Notice(
            "logits-read-as-probabilities",
            "the loss reads the model's answers as probabilities, yet they lie outside 0 to 1: "
            "end the model in softmax or sigmoid, or give the loss from_logits=True",
        )
    ]
