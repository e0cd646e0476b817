"""A regressor for scikit-learn; importing this module needs scikit-learn.

scikit-learn has neither streams nor an order of rows at prediction: the rows of `fit` are the events of one sequence,
in order, and each row of `predict` is taken for the next event after them, by itself. A target that depends on the row
before is therefore predicted only for the row that comes next; `partial_fit` advances to it. There are no sample
weights. The estimators for river
(`stream_rnn.estimators`) have keys, times and ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stream_rnn.engine.engine import Engine
from stream_rnn.errors import SettingError, require
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from sklearn import base
    from sklearn.utils import check_random_state, validation
else:
    base, validation = require("sklearn.base", "sklearn"), require("sklearn.utils.validation", "sklearn")
    check_random_state = require("sklearn.utils", "sklearn").check_random_state

KEY = "stream"
TARGET = "y"
OWN = ("inputs", "targets", "task", "seed")
"""Settings that the estimator sets from its data and parameters."""


class SequenceRegressor(base.RegressorMixin, base.BaseEstimator):  # type: ignore[misc,unused-ignore]
    """Regressor with a recurrent network that learns from rows in their order.

    The readout is linear in the hidden state and the features, and is learned by recursive least squares.

    Parameters
    ----------
    layer
        Name of the layer.
    hidden
        Units of the layer.
    window
        Events through which an error is backpropagated.
    passes
        Times that `fit` goes through the rows; the sequence is ended between them.
    settings
        Other settings of `stream_rnn.Settings`, by name.
    random_state
        Seed of the initial weights.

    Attributes
    ----------
    engine_ : Engine
        The engine that has learned.
    n_features_in_ : int
        Number of features.

    Examples
    --------
    >>> x = np.random.default_rng(1).normal(size=(400, 1))
    >>> model = SequenceRegressor(hidden=4, random_state=1).fit(x, 3 * x[:, 0] + 1)
    >>> bool(model.score(x, 3 * x[:, 0] + 1) > 0.95)
    True
    """

    engine_: Engine

    def __init__(
        self,
        layer: str = "gru",
        hidden: int = 16,
        window: int = 16,
        passes: int = 1,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
    ) -> None:
        self.layer = layer
        self.hidden = hidden
        self.window = window
        self.passes = passes
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Learn from scratch from the rows of `X` (N, I) and their targets (N,), in this order; NaN is missing.

        Raises
        ------
        ValueError
            If they cannot be used, or a setting is not allowed.
        """
        if not isinstance(self.passes, int) or self.passes < 1:
            raise SettingError(f"passes must be an integer of at least 1, got {self.passes!r}")
        x, targets = self._validated(X, y, reset=True)
        engine = self._new_engine()
        for _ in range(self.passes):
            engine.reset(KEY)
            engine.process(KEY, x, targets)
        self.engine_ = engine
        return self

    def partial_fit(self, X: Any, y: Any) -> Self:
        """Learn from rows that follow those before, which continues the sequence."""
        is_new = not hasattr(self, "engine_")
        x, targets = self._validated(X, y, reset=is_new)
        if is_new:
            self.engine_ = self._new_engine()
        self.engine_.process(KEY, x, targets)
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the target of each row of `X` (N, I) as that of the next event, and change nothing."""
        validation.check_is_fitted(self)
        x = validation.validate_data(self, X, reset=False, dtype=np.float64, ensure_all_finite="allow-nan")
        forecasts: NDArray[np.float64] = self.engine_.predict_many(KEY, x)[:, 0]
        return forecasts

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _validated(self, X: Any, y: Any, *, reset: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        found: tuple[Any, Any] = validation.validate_data(
            self, X, y, reset=reset, dtype=np.float64, y_numeric=True, ensure_all_finite="allow-nan"
        )
        return found[0], found[1].astype(np.float64)

    def _new_engine(self) -> Engine:
        more = dict(self.settings or {})
        if own := next((name for name in OWN if name in more), None):
            raise SettingError(f"{own} is set by the estimator and cannot be passed, got {more[own]!r}")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        values = {"layer": self.layer, "hidden": self.hidden, "window": self.window, "readout": "rls", "skip": True}
        names = tuple(f"x{place}" for place in range(self.n_features_in_))
        fixed = {"inputs": names, "targets": TARGET, "task": "regression", "seed": seed}
        return Engine(Settings.parse(values | more | fixed))
