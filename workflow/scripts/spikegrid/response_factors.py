"""What a training response is made of: the slope of the outputs, the tangent kernel, the error; and the kernel itself.

Arrays of pairs [n, n] have the source x first, where the step is taken, and the image x' second, where the output is
read.
"""

import numpy as np

from spikegrid.effective_dimension import effective_dimension


def response_factors(
    probabilities: np.ndarray, errors: np.ndarray, kernel_on_error: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the factors of the response of the probabilities at x' to a step on x, each float64 [n, n] ≥ 0.

    With e = ∂L/∂f(x) the error at x and S = diag(p) - ppᵀ the slope of the probabilities p at x':

    =========== ================================================================
    ``error``   |e|
    ``kernel``  |K(x', x) e| / |e|
    ``slope``   |S K(x', x) e| / |K(x', x) e|, at most ½
    =========== ================================================================

    ``kernel`` × ``error`` is |R1(x'|x)|, the response of the logits to a small step; times ``slope`` it is that of the
    probabilities. So geometric means over pairs multiply, and the exponents of power laws add.

    probabilities, errors: float [n, C]. kernel_on_error: float [n, n, C], K(x', x) e/|e|. NaN where e or K e is 0 and
    the factor a ratio of zeros.
    """
    kernel = np.linalg.norm(kernel_on_error, axis=2)
    direction = np.divide(
        kernel_on_error, kernel[..., None], out=np.full(kernel_on_error.shape, np.nan), where=kernel[..., None] > 0
    )
    # S takes away what all logits share. Less that of the likeliest class, nothing large is left to cancel.
    likeliest = probabilities.argmax(axis=1)
    relative = direction - direction[:, np.arange(len(likeliest)), likeliest][..., None]
    change = probabilities * (relative - (probabilities * relative).sum(axis=2, keepdims=True))
    error = np.broadcast_to(np.linalg.norm(errors, axis=1)[:, None], kernel.shape)
    return {"error": error, "kernel": kernel, "slope": np.linalg.norm(change, axis=2)}


def geometric_mean(values: np.ndarray) -> float:
    """Return the geometric mean of values ≥ 0; 0 where one is 0, NaN where one is undefined or there are none."""
    if not values.size:
        return np.nan
    with np.errstate(divide="ignore"):
        return float(np.exp(np.log(values).mean()))


def normalized_kernel(kernel: np.ndarray) -> np.ndarray:
    """Return κ(x', x) = K(x', x) / √(K(x, x) K(x', x')), float64 [n, n] in [-1, 1]; NaN where a diagonal is 0.

    It is the cosine of the angle between two gradients.
    """
    diagonal = np.diag(kernel)
    scale = np.sqrt(np.outer(diagonal, diagonal))
    return np.divide(kernel, scale, out=np.full(kernel.shape, np.nan), where=scale > 0)


def kernel_dimension(kernel: np.ndarray) -> float:
    """Return exp(-Σ q ln q) over the eigenvalues of a kernel as shares q of their sum, in [1, n].

    1 where one pattern over the images makes the kernel, n where gradients of all images are at right angles and of one
    length. The kernel is not centred. NaN where it is 0 or not finite, and without images.
    """
    if not (kernel.size and np.isfinite(kernel).all() and np.trace(kernel) > 0):
        return np.nan
    return effective_dimension(np.maximum(np.linalg.eigvalsh(kernel) / np.trace(kernel), 0))
