"""A network of the engine as a module of PyTorch; importing this module needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.errors import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_rnn.settings.engine import Settings

torch = require("torch", "torch")
MODULES = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM, "rnn": torch.nn.RNN}


class Network(torch.nn.Module):  # type: ignore[misc,name-defined,unused-ignore]
    """Layers and a linear readout; created by `stream_rnn.export.to_torch`.

    Parameters
    ----------
    settings
        Settings of the engine.
    arrays
        The weights, as `stream_rnn.export.to_numpy` returns them.
    """

    def __init__(self, settings: Settings, arrays: Mapping[str, Any]) -> None:
        super().__init__()
        self.skip = settings.skip
        layers = []
        for place, name in enumerate(settings.layer):
            inputs, hidden = (arrays[f"layers.{place}.weight_{kind}_l0"].shape[1] for kind in ("ih", "hh"))
            options = {"nonlinearity": settings.activation} if name == "rnn" else {}
            layers.append(MODULES[name](inputs, hidden, **options))
        self.layers = torch.nn.ModuleList(layers)
        outputs, features = arrays["readout.weight"].shape
        self.readout = torch.nn.Linear(features, outputs)
        self.to(getattr(torch, settings.dtype))
        self.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})

    def forward(self, x: Any, states: Sequence[Any] | None = None) -> tuple[Any, list[Any]]:
        """Return the outputs (T, N, O) for inputs (T, N, I), and the states of the layers after them."""
        features, after = x, []
        for layer, state in zip(self.layers, states or [None] * len(self.layers), strict=True):
            features, state_after = layer(features, state)
            after.append(state_after)
        if self.skip:
            features = torch.cat([features, x], -1)
        return self.readout(features), after
