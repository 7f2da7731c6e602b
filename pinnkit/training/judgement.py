"""What a loss is measured by: the loss of zero fields, which is that of the data alone."""

from __future__ import annotations

import numpy as np

_ORDER_ONE = 1e6  # losses of zero fields within this factor of one are left as they are
_SMALL = 0.01  # loss, as part of that of zero fields, that is a success wherever training started


def succeeded(final: float, first: float, of_zero: float) -> bool:
    """Whether the loss is small against where training began, or against that of zero fields.

    The second counts for a start that was good already. Where zero fields solve the problem there is no
    scale to compare with but one.
    """
    return final < 0.5 * first or final <= (_SMALL * of_zero if of_zero > 0 else 1e-12)


def unit_of(of_zero: float) -> float:
    """What losses are divided by: a power of four, so that nothing is rounded; mostly one."""
    if not np.isfinite(of_zero) or of_zero <= 0 or 1 / _ORDER_ONE <= of_zero <= _ORDER_ONE:
        return 1.0
    return 4.0 ** round(np.log2(of_zero) / 2)
