"""How a job converts columns of words: labels become classes, states become inputs, text becomes tokens.

Words get their numbers in the order in which a source yields events, and never by batches. What has a number is part
of a checkpoint's positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec
import numpy as np

from stream_rnn.errors import SettingError
from stream_rnn.jobs.categories import Categories, with_slots, without_slots
from stream_rnn.jobs.labels import BAD_VALUE, NOT_A_CLASS, Labels, LabelState
from stream_rnn.jobs.output_columns import label_names
from stream_rnn.jobs.tokens import Tokens, TokenState, Unit, check_unit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.engine.vocabulary import Vocabulary
    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.records import RecordSettings

WORDS = "words"
"""Name among the positions of a checkpoint."""


class BadLabel(NamedTuple):
    """A word among labels that are numbers, which counts as missing."""

    row: int
    column: str
    word: str


class WordRules(NamedTuple):
    """Which columns are words, and how they become numbers."""

    categories: tuple[str, ...] = ()
    max_categories: int = 8
    refuse_bad_values: bool = False
    tokens: Literal["id"] | Unit = "id"

    def columns(self, settings: Settings) -> tuple[str, ...]:
        """Return the columns that an engine of these settings reads, which are those of its inputs and targets."""
        inputs = without_slots(settings.inputs, self.categories, self.max_categories)
        return tuple(dict.fromkeys(inputs + settings.target_names))

    def words(self, settings: Settings) -> tuple[str, ...]:
        """Return the columns to read as words: categories, labels, and the text of tokens."""
        labels = settings.target_names if settings.task == "classification" else ()
        return tuple(dict.fromkeys(self.categories + labels + self.texts(settings)))

    def texts(self, settings: Settings) -> tuple[str, ...]:
        """Return the columns to read as text."""
        return settings.inputs if self.tokens != "id" else ()

    def check(self, settings: Settings) -> None:
        """Check that an engine can have states as inputs.

        Raises
        ------
        SettingError
            If a category is a target, or the engine's only input is a token, or tokens are text and it is none.
        """
        if self.tokens != "id":
            if not settings.tokens:
                raise SettingError(
                    f"tokens needs embedding as the lowest layer, got {self.tokens} for {','.join(settings.layer)}"
                )
            if settings.task == "forecast" and settings.inputs[0] in settings.target_names and settings.top is None:
                raise SettingError(f"tokens {self.tokens} needs top, such as 1, to name the tokens of a forecast")
        for name in self.categories:
            if name in settings.targets:
                raise SettingError(f"targets must not be categories, got {name!r}: classification forecasts words")
            if settings.tokens:
                raise SettingError(f"categories are not for an embedding, whose only input is a token, got {name}")

    def inputs(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the inputs of an engine that reads the columns of these names."""
        return with_slots(names, self.categories, self.max_categories)


def word_rules(settings: RecordSettings) -> WordRules:
    """Return the rules that the settings of a job say."""
    return WordRules(settings.categories, settings.max_categories, settings.bad_values == "refuse", settings.tokens)


class _State(msgspec.Struct, frozen=True):
    labels: dict[str, LabelState] = {}
    categories: dict[str, list[str]] = {}
    tokens: TokenState | None = None


class Encoded(NamedTuple):
    """N events whose columns are all numbers."""

    events: EventBatch
    bad: list[BadLabel]
    """the labels among words that count as missing, by the row of their record"""
    rows: NDArray[np.intp] | None = None
    """(N,) row of the event that each was made of; None if each is of its own"""


class Words:
    """The words of a job, or of a worker of a live job, and their numbers.

    Parameters
    ----------
    settings
        Settings of the engine.
    rules
        Which columns are words.
    first_words
        The first words of each column, if the source knows them.
    vocabulary
        That of the engine, if its input is a token.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> from stream_rnn.connectors.events import EventBatch
    >>> words = Words(Settings(inputs=("valve#1", "valve#other"), targets="flow"), WordRules(("valve",), 1))
    >>> batch = replace(EventBatch.empty(), columns={"flow": np.array([7.0]), "valve": np.array(["on"], object)})
    >>> words.encode(batch)[0].columns
    {'flow': array([7.]), 'valve#1': array([1.]), 'valve#other': array([0.])}
    >>> words.positions()
    {'words': {'labels': {}, 'categories': {'valve': ['on']}, 'tokens': None}}
    """

    def __init__(
        self,
        settings: Settings,
        rules: WordRules,
        first_words: Mapping[str, Sequence[str]] | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        targets = settings.target_names if settings.task == "classification" else ()
        self.labels = {
            name: Labels(settings.classes)
            if first_words is None
            else Labels.beginning_with(first_words[name], settings.classes)
            for name in targets
        }
        self.categories = {name: Categories(name, rules.max_categories) for name in rules.categories}
        self._tokens: Tokens | None = None
        if rules.tokens != "id" and vocabulary is not None:
            self._tokens = Tokens(settings, rules.tokens, vocabulary)
        self._rules = rules
        self._settings = settings
        self._bad_code = NOT_A_CLASS if rules.refuse_bad_values else np.nan

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the columns of encoded events, given those of the source."""
        slots = {name: each.names for name, each in self.categories.items()}
        return tuple(column for name in names for column in slots.get(name, (name,)))

    def encode(self, batch: EventBatch) -> Encoded:
        """Return events whose columns are all numbers, one for each token of a text."""
        if not self._has_any:
            return Encoded(batch, [])
        columns: dict[str, NDArray[Any]] = {}
        bad: list[BadLabel] = []
        for name, values in batch.columns.items():
            if name in self.categories:
                columns |= self.categories[name].encode(values)
            elif name in self.labels:
                codes = self.labels[name].encode(values)
                wrong = np.flatnonzero(codes == BAD_VALUE)
                if len(wrong):
                    codes[wrong] = self._bad_code
                    bad += [BadLabel(row, name, values[row]) for row in wrong.tolist()]
                columns[name] = codes
            else:
                columns[name] = values
        bad = bad if np.isnan(self._bad_code) else []
        encoded = replace(batch, columns=columns)
        if self._tokens is None:
            return Encoded(encoded, bad)
        events, rows = self._tokens.encode(encoded)
        return Encoded(events, bad, rows)

    def label_columns(self, y: NDArray[np.float64], result: BatchResult) -> dict[str, NDArray[Any]]:
        """Return the labels of N processed events, of their targets (N, D) and forecasts, by column of the output.

        It must be called once for each batch that is processed.
        """
        columns = self._tokens.columns(y, result) if self._tokens is not None else {}
        settings, names = self._settings, label_names(self._settings)
        for place, (target, labels) in enumerate(self.labels.items()):
            codes = y[:, place]
            if settings.top is None:
                own, chosen = names[place : place + 1], _most_likely(settings, result.forecasts, place)
            else:
                own, chosen = names, result.forecasts[:, :, 0]
            columns[target] = labels.decode(codes)
            columns |= zip(own, labels.decode_forecasts(chosen, codes).T, strict=True)
        return columns

    def positions(self) -> dict[str, Any]:
        """Return the numbers of all words, as part of a checkpoint's positions; nothing if there are no words."""
        if not self._has_any:
            return {}
        state = _State(
            {name: labels.state() for name, labels in self.labels.items()},
            {name: categories.states for name, categories in self.categories.items()},
            self._tokens.state() if self._tokens is not None else None,
        )
        return {WORDS: msgspec.to_builtins(state)}

    def restore(self, positions: Mapping[str, Any]) -> None:
        """Continue with the numbers in a checkpoint's positions, of the words that it has.

        Raises
        ------
        SettingError
            If its tokens are of another kind.
        """
        state = msgspec.convert(positions.get(WORDS, {}), _State)
        check_unit(self._rules.tokens, state.tokens)
        if self._tokens is not None:
            self._tokens.restore(state.tokens)
        for name, labels in self.labels.items():
            if name in state.labels:
                labels.restore(state.labels[name])
        for name, categories in self.categories.items():
            categories.restore(state.categories.get(name, ()))

    @property
    def _has_any(self) -> bool:
        return bool(self.labels or self.categories) or self._tokens is not None

    def summary(self) -> dict[str, Any]:
        """Return the words and what became of them: labels by class, and states in the order of their inputs."""
        labels = {
            name: [f"{place}: {label}" for place, label in each.names.items()] for name, each in self.labels.items()
        }
        return labels | {name: each.states for name, each in self.categories.items()}


def verify(data: CheckpointData) -> None:
    """Check that the words in a checkpoint can be restored.

    Raises
    ------
    CheckpointError
        Naming the file, and the first part that is wrong.
    """
    state = data.position(WORDS, _State, "words")
    for name, labels in state.labels.items():
        classes = list(labels.labels.values())
        if len(set(classes)) < len(classes) or not set(labels.seen) <= set(classes):
            raise data.invalid(f"labels of {name!r} must have different classes, and those seen must be among them")
        if any(place >= data.settings.classes for place in classes):
            raise data.invalid(f"labels of {name!r} must have classes below {data.settings.classes}")
        if labels.numeric is not False and not all(label.lstrip("-").isdecimal() for label in labels.labels):
            raise data.invalid(f"labels of {name!r} must be integers")
    for name, states in state.categories.items():
        if len(set(states)) < len(states):
            raise data.invalid(f"states of {name!r} must be distinct")
    if state.tokens is not None and any(number >= data.settings.vocabulary for number in state.tokens.seen):
        raise data.invalid(f"tokens must have ids below {data.settings.vocabulary}")


def _most_likely(settings: Settings, forecasts: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """Return the most likely class of a target by its place (N, 1), NaN where there is no forecast."""
    if settings.loss_spec.one_target:
        chosen = forecasts.argmax(axis=1, keepdims=True).astype(np.float64)
        return np.where(np.isnan(forecasts[:, :1]), np.nan, chosen)
    chances = forecasts[:, place : place + 1]
    return np.where(np.isnan(chances), np.nan, (chances > 0.5).astype(np.float64))
