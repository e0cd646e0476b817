"""Methods against loss of plasticity that the engine does not have. To compare them, they change its weights directly.

`decay_to_initial` is weight decay like that of AdamW, but of all weights toward their initial values w_0, at every
update, with the learning rate a:

    w <- w - a decay (w - w_0)

`PenaltyTowardInitial` is the penalty of Kumar et al. (2023, arXiv:2308.11958), which adds lambda |w - w_0|^2 to the
loss. With its gradient p and the second moments s' of Adam, the step of an update would be that without the penalty and

    p = 2 lambda (w - w_0)       w <- w - a p / (sqrt(s' + p^2) + eps)

where s' is that of the errors alone, and errors and penalty are uncorrelated. n of these steps are taken after every n
events, at most as far as w_0.

`ContinualBackpropagation` (Dohare et al. 2024, doi:10.1038/s41586-024-07711-7) replaces the least useful units. With
the output h_i of a unit and the weights w_ik from it to the other units and to the readout, at every event:

    u_i <- eta u_i + (1 - eta) |h_i| sum_k |w_ik|      utility
    n <- n + rho M                                     units to replace; M: units that are older than m events

While n >= 1, the one of these M units with the lowest u_i / (1 - eta^age) is replaced: the weights into it, its
connection to itself and its biases are drawn anew, the weights from it become 0, and so do its utility and its age.

Three things differ from the paper. All of this is done after every 50 events, with eta^50 and 50 rho, and with the
mean of |h_i| over the events of the window. The first moments of Adam become 0 for the weights concerned, but the
second ones stay, because the bias correction of the engine's Adam counts the updates of all weights. A unit's
connection to itself is not an outgoing weight.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from stream_rnn import Engine
from stream_rnn.layers.layer import parameter_slices
from stream_rnn.learning.optimizers import Adam
from stream_rnn.learning.tbptt import DONE

if TYPE_CHECKING:
    from stream_rnn.layers.network import Network

EVERY = 50
"""Events between two changes from outside."""
ETA = 0.99
LAYERS = ("rnn", "gru", "lstm")
"""Layers whose units can be replaced: others carry sensitivities, which would be those of the old unit."""


def decay_to_initial(engine: Engine) -> None:
    """Make all weights of an engine decay to their initial values, from now on."""
    parts = engine._parts  # noqa: SLF001 - no setting does this
    parts.work.decay_targets[:] = np.concatenate(parts.initial)


class PenaltyTowardInitial:
    """Takes the steps of a penalty toward the initial weights, for an engine with Adam and an update at every event.

    Parameters
    ----------
    engine
        The engine. Call `after_events` after every `EVERY` events of it.
    strength
        lambda.

    Raises
    ------
    ValueError
        For other optimizers or rarer updates.
    """

    def __init__(self, engine: Engine, strength: float) -> None:
        parts = engine._parts  # noqa: SLF001 - weights are read-only in public
        self._weights = engine._state.weights_of(0)  # noqa: SLF001 - the same
        self._adam, self._initial, self._strength = parts.learning.optimizer, parts.initial, strength
        if not isinstance(self._adam, Adam) or engine.settings.update_every != 1:
            raise ValueError("the penalty is for adam or adamw with update_every=1")

    def after_events(self) -> None:
        """Take the steps of the last events."""
        adam, (params, moments, updates, *_) = self._adam, self._weights
        for w, initial, (_, s), counts in zip(params, self._initial, moments, updates, strict=True):
            distance = w - initial
            p = 2 * self._strength * distance
            unbiased = s / (1 - adam.second_decay ** max(counts[DONE], 1))
            step = EVERY * adam.learning_rate * np.abs(p) / (np.sqrt(unbiased + p**2) + adam.epsilon)
            w[:] = w - np.sign(distance) * np.minimum(step, np.abs(distance))


class UnitWeights:
    """Where the weights of each unit of a layer are in the flat parameters of body and head."""

    def __init__(self, network: Network) -> None:
        H = network.hidden
        indices, incoming, outgoing = np.arange(network.head_start), [], []
        for parameter, part in parameter_slices(network.body.parameters()):
            by_unit = np.moveaxis(indices[part].reshape(*parameter.shape[:-1], -1, H), -1, 0)  # (H, rows, gates)
            incoming.append(by_unit.reshape(H, -1))
            if parameter.role == "recurrent":
                by_source = np.moveaxis(by_unit, 1, 0)  # (H sources, H, gates)
                others = ~np.eye(H, dtype=np.bool_)
                outgoing.append(by_source[others].reshape(H, -1))
        self.incoming = np.concatenate(incoming, axis=1)
        """(H, n) in the body; those of its connection to itself among them"""
        self.outgoing = np.concatenate(outgoing, axis=1)
        """(H, n) in the body; to other units"""
        self.readout = np.arange(network.outputs * H).reshape(network.outputs, H).T
        """(H, O) in the head"""


class ContinualBackpropagation:
    """Replaces units of an engine that has one layer of `LAYERS`, a linear readout and one stream.

    Parameters
    ----------
    engine
        The engine. Call `after_events` after every `EVERY` events of it.
    rho
        Replacement rate: replaced share of the mature units, per event.
    maturity
        m, events after which a new unit may be replaced.

    Raises
    ------
    ValueError
        For other layers.
    """

    def __init__(self, engine: Engine, rho: float, maturity: int) -> None:
        layers = engine.settings.layer
        if len(layers) != 1 or layers[0] not in LAYERS:
            raise ValueError(f"units can be replaced in one layer of {', '.join(LAYERS)}, got {', '.join(layers)}")
        network = engine._parts.network  # noqa: SLF001 - weights are read-only in public
        self._settings = engine.settings
        self._state = engine._state  # noqa: SLF001 - the same
        self._rho, self._maturity = rho, maturity
        self._units = UnitWeights(network)
        self._due = 0.0
        self._new = engine._parts.initial.body  # noqa: SLF001 - the same
        self.utility = np.zeros(network.hidden)
        self.age = np.zeros(network.hidden)
        self.replaced = 0
        """Units that were replaced so far."""

    def after_events(self) -> list[int]:
        """Add the last events to the utilities; replace the units that are due, and return them."""
        units, params = self._units, self._state.weights_of(0).params
        strengths = np.abs(params.body[units.outgoing]).sum(axis=1) + np.abs(params.head[units.readout]).sum(axis=1)
        outputs = np.abs(self._state.streams.arrays["features"][0]).mean(axis=0)
        self.utility += (1 - ETA**EVERY) * (outputs * strengths - self.utility)
        self.age += EVERY
        self._due += self._rho * EVERY * int((self.age > self._maturity).sum())
        chosen = []
        while self._due >= 1:
            self._due -= 1
            unbiased = self.utility / (1 - ETA ** self.age.clip(EVERY))
            chosen.append(int(np.argmin(np.where(self.age > self._maturity, unbiased, np.inf))))
            self._replace(chosen[-1])
        return chosen

    def _replace(self, unit: int) -> None:
        units, weights, H = self._units, self._state.weights_of(0), len(self.age)
        source = self.replaced % H  # all units of a new network are equally distributed, so each serves once
        if source == 0:
            seed = self._settings.seed + 1_000_003 * (1 + self.replaced // H)
            self._new = Engine(replace(self._settings, seed=seed))._parts.initial.body  # noqa: SLF001 - as above
        weights.params.body[units.incoming[unit]] = self._new[units.incoming[source]]
        weights.params.body[units.outgoing[unit]] = 0
        weights.params.head[units.readout[unit]] = 0
        for indices in (units.incoming, units.outgoing):
            weights.moments.body[0, indices[unit]] = 0
        weights.moments.head[0, units.readout[unit]] = 0
        self.utility[unit] = self.age[unit] = 0
        self.replaced += 1
