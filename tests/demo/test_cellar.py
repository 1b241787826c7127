"""How wines become pairs and questions."""

import numpy as np

from insitu_cli.demo import data
from insitu_cli.demo.cellar import CANDIDATES, pairs, questions


def test_a_pair_matches_where_both_are_of_one_cultivar() -> None:
    wines = data.Rows(np.arange(4, dtype=np.float32).reshape(4, 1), np.array([0, 0, 1, 1]))
    made = pairs(wines, 50, np.random.default_rng(0))
    expected = wines.labels[made.liked[:, 0].astype(int)] == wines.labels[made.wine[:, 0].astype(int)]
    np.testing.assert_array_equal(made.match, expected)
    assert {0, 1} == set(made.match.tolist())


def test_questions_ask_about_test_wines_alone_and_never_offer_the_liked_one() -> None:
    shares = data.wine()
    test = {row.tobytes() for row in shares.test.inputs}
    asked = list(questions(shares, 20, np.random.default_rng(0)))
    assert len(asked) == 20
    for question in asked:
        wines = [wine.tobytes() for wine in question.wines]
        assert len(set(wines)) == CANDIDATES
        assert {*wines, question.liked.tobytes()} <= test
        assert question.liked.tobytes() not in wines
        assert 0 < question.relevant.sum() < CANDIDATES
