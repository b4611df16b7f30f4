"""Seeds for every random draw, derived from what is drawn and never from the clock or from the order of jobs."""

import hashlib


def derived_seed(*purpose: str | int) -> int:
    """Return the seed of one random draw, in [0, 2**63).

    The seed is the start of the SHA-256 digest of ``purpose``, so draws for different purposes are
    independent, and a draw depends on nothing but its own name: ``derived_seed("digits", "mlp", "memorizing",
    3, "weights")`` is the same whichever seeds share its job.
    """
    digest = hashlib.sha256("\x1f".join(map(str, purpose)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
