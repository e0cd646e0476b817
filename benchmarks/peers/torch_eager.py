"""The reference job in eager PyTorch, with an explicit window.

Uses `nn.GRU`, whose loop over the window is compiled, or with ``--cell`` a call of `nn.GRUCell` for each event of the
window. Runs in any interpreter that has torch.
"""

from __future__ import annotations

import argparse
import json
from collections import deque
from typing import TYPE_CHECKING

import torch  # type: ignore[import-not-found, unused-ignore]

from benchmarks.clock import now, since

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

INPUTS, HIDDEN, WINDOW = 8, 32, 16
WARM_UP = 50


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=500)
    parser.add_argument("--cell", action="store_true", help="one nn.GRUCell call per event of the window")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    body: torch.nn.Module = (torch.nn.GRUCell if options.cell else torch.nn.GRU)(INPUTS, HIDDEN)
    readout = torch.nn.Linear(HIDDEN, 1)
    weights = [*body.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    events = options.events + WARM_UP
    x, y = torch.randn(events, INPUTS), torch.randn(events)
    window: deque[torch.Tensor] = deque(maxlen=WINDOW)
    state = torch.zeros(1, HIDDEN)  # before the window
    start, total = now(), 0.0
    for t in range(events):
        if t == WARM_UP:
            start = now()
        window.append(x[t])
        outputs = _outputs(body, window, state)
        forecast = readout(outputs[-1][0])[0]
        total += float(forecast)
        loss = (forecast - y[t]) ** 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        if len(window) == WINDOW:
            state = outputs[0].detach()
    rate = options.events / since(start)
    print(json.dumps({"events_per_second": rate, "version": torch.__version__, "sum": total}))


def _outputs(body: torch.nn.Module, window: Iterable[torch.Tensor], state: torch.Tensor) -> Sequence[torch.Tensor]:
    """Return the state (1, H) after each event of the window, given the state before the window."""
    if isinstance(body, torch.nn.GRU):
        outputs: torch.Tensor = body(torch.stack(tuple(window)).unsqueeze(1), state.unsqueeze(0))[0]
        return list(outputs)  # (16, 1, I) -> (16, 1, H)
    states = []
    for x in window:
        state = body(x.unsqueeze(0), state)
        states.append(state)
    return states


if __name__ == "__main__":
    main()
