"""Words: what a job does with columns of words: labels become classes, states become inputs.

Words get their numbers in the order in which a source yields events, and never by batches. What has a number is part
of a checkpoint's positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from stream_rnn.errors import SettingError
from stream_rnn.jobs.categories import Categories, with_slots, without_slots
from stream_rnn.jobs.labels import BAD_VALUE, NOT_A_CLASS, Labels, LabelState
from stream_rnn.jobs.output_columns import label_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.live import LiveSettings
    from stream_rnn.settings.replay import ReplaySettings

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

    def columns(self, settings: Settings) -> tuple[str, ...]:
        """Return the columns that an engine of these settings reads, which are those of its inputs and targets."""
        inputs = without_slots(settings.inputs, self.categories, self.max_categories)
        return tuple(dict.fromkeys(inputs + settings.target_names))

    def words(self, settings: Settings) -> tuple[str, ...]:
        """Return the columns to read as words: categories, and labels."""
        labels = settings.target_names if settings.task == "classification" else ()
        return tuple(dict.fromkeys(self.categories + labels))

    def check(self, settings: Settings) -> None:
        """Check that an engine can have states as inputs.

        Raises
        ------
        SettingError
            If a category is a target, or the engine's only input is a token.
        """
        for name in self.categories:
            if name in settings.targets:
                raise SettingError(f"targets must not be categories, got {name!r}: classification forecasts words")
            if settings.tokens:
                raise SettingError(f"categories are not for an embedding, whose only input is a token, got {name}")

    def inputs(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the inputs of an engine that reads the columns of these names."""
        return with_slots(names, self.categories, self.max_categories)


def word_rules(settings: ReplaySettings | LiveSettings) -> WordRules:
    """Return the rules that the settings of a job say."""
    return WordRules(settings.categories, settings.max_categories, settings.bad_values == "refuse")


class _State(msgspec.Struct, frozen=True):
    labels: dict[str, LabelState] = {}
    categories: dict[str, list[str]] = {}


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

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> from stream_rnn.connectors.events import EventBatch
    >>> words = Words(Settings(inputs=("valve#1", "valve#other"), targets="flow"), WordRules(("valve",), 1))
    >>> batch = replace(EventBatch.empty(), columns={"flow": np.array([7.0]), "valve": np.array(["on"], object)})
    >>> words.encode(batch)[0].columns
    {'flow': array([7.]), 'valve#1': array([1.]), 'valve#other': array([0.])}
    >>> words.positions()
    {'words': {'labels': {}, 'categories': {'valve': ['on']}}}
    """

    def __init__(
        self, settings: Settings, rules: WordRules, first_words: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        targets = settings.target_names if settings.task == "classification" else ()
        self.labels = {
            name: Labels(settings.classes)
            if first_words is None
            else Labels.beginning_with(first_words[name], settings.classes)
            for name in targets
        }
        self.categories = {name: Categories(name, rules.max_categories) for name in rules.categories}
        self._settings = settings
        self._bad_code = NOT_A_CLASS if rules.refuse_bad_values else np.nan

    def columns(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the names of the columns of encoded events, given those of the source."""
        slots = {name: each.names for name, each in self.categories.items()}
        return tuple(column for name in names for column in slots.get(name, (name,)))

    def encode(self, batch: EventBatch) -> tuple[EventBatch, list[BadLabel]]:
        """Return events whose columns are all numbers, and the labels among them that count as missing."""
        if not self.labels and not self.categories:
            return batch, []
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
        return replace(batch, columns=columns), bad if np.isnan(self._bad_code) else []

    def label_columns(self, y: NDArray[np.float64], result: BatchResult) -> dict[str, NDArray[Any]]:
        """Return the labels of N processed events, of their targets (N, D) and forecasts, by column of the output.

        It must be called once for each batch that is processed.
        """
        columns: dict[str, NDArray[Any]] = {}
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
        if not self.labels and not self.categories:
            return {}
        state = _State(
            {name: labels.state() for name, labels in self.labels.items()},
            {name: categories.states for name, categories in self.categories.items()},
        )
        return {WORDS: msgspec.to_builtins(state)}

    def restore(self, positions: Mapping[str, Any]) -> None:
        """Continue with the numbers in a checkpoint's positions, of the words that it has."""
        state = msgspec.convert(positions.get(WORDS, {}), _State)
        for name, labels in self.labels.items():
            if name in state.labels:
                labels.restore(state.labels[name])
        for name, categories in self.categories.items():
            categories.restore(state.categories.get(name, ()))

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
    try:
        state = msgspec.convert(data.positions.get(WORDS, {}), _State)
    except msgspec.ValidationError as error:
        raise data.invalid(f"positions of words: {error}") from None
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


def _most_likely(settings: Settings, forecasts: NDArray[np.float64], place: int) -> NDArray[np.float64]:
    """Return the most likely class of a target by its place (N, 1), NaN where there is no forecast."""
    if settings.loss_spec.one_target:
        chosen = forecasts.argmax(axis=1, keepdims=True).astype(np.float64)
        return np.where(np.isnan(forecasts[:, :1]), np.nan, chosen)
    chances = forecasts[:, place : place + 1]
    return np.where(np.isnan(chances), np.nan, (chances > 0.5).astype(np.float64))
