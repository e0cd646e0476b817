"""What a job writes for each event: the targets' values, what was forecast, and how it was judged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.jobs.output_columns import output_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.engine.result import Taken
    from stream_rnn.settings.engine import Settings


def columns_of(settings: Settings, y: NDArray[np.float64], taken: Taken) -> dict[str, NDArray[np.float64]]:
    """Return the columns of N events, by `output_names`.

    Parameters
    ----------
    settings
        Whose forecasts these are.
    y
        (N, D) the targets' values.
    taken
        What became of the events.
    """
    columns = [*y.T]
    for numbers in (taken.forecasts, taken.intervals, taken.anomalies):
        if numbers is not None:
            columns += [*numbers.reshape(len(y), numbers[:1].size if len(y) else 0).T]
    return dict(zip(output_names(settings), columns, strict=True))
