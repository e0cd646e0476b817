"""What a job writes for each event: the targets' values, and what was forecast."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stream_rnn.naming import forecast_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.config import Settings


def columns_of(
    settings: Settings, y: NDArray[np.float64], forecasts: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return the columns of N events: each target's value, then each number of the forecasts.

    Parameters
    ----------
    settings
        Whose forecasts these are.
    y
        (N, D) the targets' values.
    forecasts
        (N, *forecast_shape)
    """
    flat = forecasts.reshape(len(y), math.prod(settings.forecast_shape))
    known: dict[str, NDArray[Any]] = {name: y[:, d] for d, name in enumerate(settings.target_names)}
    return known | dict(zip(forecast_names(settings), flat.T, strict=True))
