"""Which examples a run never trains on.

The choice depends on the example's sequence number alone, so that an example held out once stays held out: parameters
of an earlier run have not seen it either, and old and new are compared on equal terms.
"""

_MASK = (1 << 64) - 1


def mix64(value: int) -> int:
    """A bijection of 64-bit integers that scatters neighbours: the finalizer of SplitMix64 (Steele et al. 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def is_held_out(sequence: int, share: float) -> bool:
    """True for about `share` (0 to 0.5) of all sequence numbers."""
    return mix64(sequence) < share * 2.0**64
