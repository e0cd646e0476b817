"""Tokens: the text of a column as a stream of words or characters, which the engine's vocabulary numbers."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from stream_rnn.connectors.events import Positions
from stream_rnn.errors import SettingError
from stream_rnn.jobs.output_columns import forecast_names
from stream_rnn.jobs.seen import Seen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.settings.engine import Settings

Unit = Literal["word", "character"]

log = logging.getLogger("stream_rnn")


class TokenState(msgspec.Struct, frozen=True):
    """What a checkpoint has about tokens, besides the engine's vocabulary."""

    unit: Unit
    seen: list[Annotated[int, Meta(ge=0)]]
    """ids of the tokens that have been processed"""


class TokenEvents(NamedTuple):
    """The events of texts."""

    events: EventBatch
    """N events, one for each token"""
    rows: NDArray[np.intp]
    """(N,) row of the text that each is of"""


class Tokens:
    """Splits the texts of a column into tokens, each of which is an event with the key and time of its record.

    Words are what whitespace separates. A text that is missing or has no tokens is one event without a value. Only the
    last token of a text can end a sequence.

    Parameters
    ----------
    settings
        Settings of the engine, whose input is the column.
    unit
        What is a token.
    vocabulary
        The engine's, which gives ids to tokens as they are read.

    Examples
    --------
    >>> from stream_rnn import Settings, Vocabulary
    >>> from stream_rnn.connectors.events import EventBatch
    >>> settings = Settings(inputs="text", layer=("embedding", "gru"), loss="softmax", vocabulary=256, classes=256)
    >>> tokens = Tokens(settings, "word", Vocabulary(256))
    >>> texts = EventBatch(
    ...     keys=np.array(["a", "b"], object),
    ...     times=np.array([1.0, 2.0]),
    ...     columns={"text": np.array(["to be or not to be", None], object)},
    ...     ends=np.zeros(2, np.bool_),
    ...     positions=Positions(np.zeros(2, np.int32), np.arange(2)),
    ... )
    >>> tokens.encode(texts).events.columns["text"]
    array([ 1.,  2.,  3.,  4.,  1.,  2., nan])
    """

    def __init__(self, settings: Settings, unit: Unit, vocabulary: Vocabulary) -> None:
        self._column = settings.inputs[0]
        self._is_target = settings.task == "forecast" and self._column in settings.target_names
        self._names = tuple(forecast_names(settings))[::2] if self._is_target else ()
        self._unit = unit
        self._vocabulary = vocabulary
        self._seen = Seen(range(1, len(vocabulary) + 1))
        self._warned = False

    def encode(self, batch: EventBatch) -> TokenEvents:
        """Return the events of the tokens of a batch of texts, which have ids."""
        split = str.split if self._unit == "word" else list
        found = [split(text) if text is not None else [] for text in batch.columns[self._column].tolist()]
        counts = np.array([len(tokens) or 1 for tokens in found], np.intp)
        rows = np.repeat(np.arange(len(batch)), counts)
        ids = np.full(len(rows), np.nan)
        ids[np.repeat(np.array([bool(tokens) for tokens in found], np.bool_), counts)] = self._ids(found)
        events = batch[rows]
        last = np.zeros(len(rows), np.bool_)
        last[np.cumsum(counts) - 1] = True
        file, record = events.positions.file, events.positions.record
        positions = Positions(file, record, _numbers(file, record)) if len(rows) > len(batch) else batch.positions
        return TokenEvents(
            replace(events, columns=events.columns | {self._column: ids}, ends=events.ends & last, positions=positions),
            rows,
        )

    def columns(self, y: NDArray[np.float64], result: BatchResult) -> dict[str, NDArray[Any]]:
        """Return the tokens of N processed events, of their target (N, 1) and forecasts, by column of the output.

        An id without a token, and one whose token has not been processed yet, is U+FFFD, as in `Vocabulary.decode`.
        """
        if not self._is_target:
            return {}
        chosen = result.forecasts[..., 0].reshape(len(y), len(self._names))
        is_known = self._seen.is_known(chosen, y[:, 0])
        named = self._decode(np.where(is_known | np.isnan(chosen), chosen, 0.0))
        return {self._column: self._decode(y[:, 0])} | dict(zip(self._names, named.T, strict=True))

    def state(self) -> TokenState:
        """Return everything that `restore` needs."""
        return TokenState(self._unit, self._seen.numbers)

    def restore(self, state: TokenState | None) -> None:
        """Continue with the state of a checkpoint; without one, all tokens of the vocabulary have been processed."""
        self._seen = Seen(range(1, len(self._vocabulary) + 1) if state is None else state.seen)

    def _ids(self, found: list[list[str]]) -> NDArray[np.int64]:
        tokens = list(chain.from_iterable(found))
        ids = self._vocabulary.encode(tokens)
        if not self._warned and not ids.all():
            self._warned = True
            log.warning(
                "column %r has more than %d tokens; further ones, such as %r, are unknown: raise vocabulary",
                *(self._column, self._vocabulary.size - 1, tokens[int(np.argmin(ids))]),
            )
        return ids

    def _decode(self, ids: NDArray[np.float64]) -> NDArray[Any]:
        """Return the tokens of ids, in the same shape; None where missing."""
        texts = np.array(self._vocabulary.decode(np.nan_to_num(ids).astype(np.int64)), object).reshape(ids.shape)
        texts[np.isnan(ids)] = None
        return texts


def check_unit(unit: Literal["id"] | Unit, state: TokenState | None) -> None:
    """Check that tokens are of the same kind as in a checkpoint.

    Raises
    ------
    SettingError
        With both kinds.
    """
    if state is not None and unit != state.unit:
        raise SettingError(f"tokens must be {state.unit}, as in the checkpoint, got {unit!r}")


def _numbers(file: NDArray[np.int32], record: NDArray[np.int64]) -> NDArray[np.int32]:
    """Return the number of each event (N,) in its record."""
    begins = np.append(True, (np.diff(file) != 0) | (np.diff(record) != 0))
    places = np.arange(len(record))
    return (places - np.maximum.accumulate(np.where(begins, places, 0))).astype(np.int32)
