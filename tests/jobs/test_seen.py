"""Words that have been processed: the same however events are cut into batches."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.jobs.seen import Seen

NUMBERS = st.one_of(st.integers(0, 5).map(float), st.just(np.nan))


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20), st.integers(0, 20))
def test_a_number_is_known_after_the_event_whose_target_it_was(events: list[tuple[float, float]], cut: int) -> None:
    forecasts, targets = np.array(events).T
    expected = [forecast in targets[:i] for i, forecast in enumerate(forecasts)]
    seen = Seen()
    parts = [seen.is_known(forecasts[part, np.newaxis], targets[part]) for part in (slice(cut), slice(cut, None))]
    assert np.concatenate(parts)[:, 0].tolist() == expected
    assert seen.numbers == sorted({int(target) for target in targets if np.isfinite(target)})
