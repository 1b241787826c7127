"""Which examples are never trained on."""

from hypothesis import given
from hypothesis import strategies as st

from platform_daemon.training.holdout import is_held_out, mix64


def test_first_output_of_the_published_generator() -> None:
    """SplitMix64 seeded with 0 yields 0xE220A8397B1DCDAF first."""
    assert mix64(0) == 0xE220A8397B1DCDAF


def test_the_share_is_met() -> None:
    for share in (0.0, 0.1, 0.25, 0.5):
        held = sum(is_held_out(sequence, share) for sequence in range(20_000))
        assert abs(held / 20_000 - share) < 0.01


@given(sequence=st.integers(0, 2**63), small=st.floats(0, 0.5), large=st.floats(0, 0.5))
def test_a_larger_share_keeps_what_a_smaller_one_held_out(sequence: int, small: float, large: float) -> None:
    small, large = min(small, large), max(small, large)
    assert not is_held_out(sequence, small) or is_held_out(sequence, large)
