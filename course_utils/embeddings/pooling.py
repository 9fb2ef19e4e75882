"""From token vectors to one vector a text."""

from torch import Tensor


def mean_pool(hidden: Tensor, mask: Tensor) -> Tensor:
    """Average the token vectors of each text, counting real tokens only.

    Padding would pull short texts towards the padding vector, so it is left out of both the
    sum and the count (Reimers and Gurevych 2019, section 3).

    Args:
        hidden: Last hidden states, shape (batch, length, dim).
        mask: 1 for a token, 0 for padding, shape (batch, length).

    Returns:
        Text vectors, shape (batch, dim), dtype of `hidden`.

    Raises:
        ValueError: The shapes disagree, or a text has no token.
    """
    if hidden.shape[:2] != mask.shape:
        raise ValueError(
            f"hidden has shape {tuple(hidden.shape)}, mask {tuple(mask.shape)}; "
            "the first two dimensions, batch and length, must be the same"
        )
    counts = mask.sum(dim=1, keepdim=True)  # (batch, 1)
    if (counts == 0).any():
        raise ValueError(f"text {int(counts.argmin())} has no token; its mean isn't defined")
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (batch, length, 1)
    return (hidden * weights).sum(dim=1) / counts.to(hidden.dtype)
