"""Whether an engine that has learned many tasks still learns as well as a fresh one (Dohare et al. 2024).

    python -m benchmarks.plasticity --networks rnn,gru,lstm,lru,elstm,columnar_gru --seeds 0,1,2
    python -m benchmarks.plasticity --networks gru,lstm --methods adam,default,l2,decay-initial,continual --seeds 0,1

A task is to imitate a random recurrent teacher of 8 tanh units with 4 inputs, from its noisy output. With ``--change
slow`` the teacher's weights move gradually from those of one task to those of the next within the task; with
``--change abrupt`` they jump. An engine learns one task after the other. Every k-th task is also learned by a fresh
engine of the same method.

`old_to_fresh` is the ratio of mean squared errors in the second half of the tasks, for each tenth of all tasks, and
`first_quarter` the same in their first quarter (``abrupt``: how quickly the engine adapts). `old_mse` and `last_mse`
are the errors in the second half of all tasks and of those in the last tenth: these compare methods, because all learn
the same tasks.

Methods are optimizers and penalties of the engine, and those of `plasticity_methods`.
"""

from __future__ import annotations

import time
from itertools import product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import njit

from benchmarks import options, report
from benchmarks.plasticity_methods import EVERY, ContinualBackpropagation, PenaltyTowardInitial, decay_to_initial
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

INPUTS, UNITS = 4, 8
NOISE = 0.1
BASE: dict[str, Any] = {
    "inputs": tuple(f"x{i}" for i in range(INPUTS)),
    "targets": ("y",),
    "task": "regression",
    "missing_flags": False,
}
LAYERS = ("rnn", "gru", "lstm", "lru", "elstm", "columnar_gru")
READOUT = "+rls"
"""Suffix of a network whose readout is learned by recursive least squares."""
NETWORKS: dict[str, dict[str, Any]] = {name: {"layer": name} for name in LAYERS} | {
    f"{name}{READOUT}": {"layer": name, "readout": "rls"} for name in ("lru", "columnar_gru")
}


class Method(NamedTuple):
    """A method to keep an engine able to learn."""

    settings: dict[str, Any]
    toward_initial: bool = False
    """whether weights decay to their initial values"""
    penalty: float = 0.0
    """lambda of the penalty toward the initial weights"""
    replacement: float = 0.0
    """rho of continual backpropagation"""
    maturity: int = 0
    """m of continual backpropagation, in events"""


ADAM = {"optimizer": "adam"}
METHODS: dict[str, Method] = {
    "default": Method({}),
    "adam": Method(ADAM),
    "adamw": Method({"optimizer": "adamw"}),
    "adamw-0.003": Method({"optimizer": "adamw", "weight_decay": 0.003}),
    "adamw-0.03": Method({"optimizer": "adamw", "weight_decay": 0.03}),
    "adamw-0.1": Method({"optimizer": "adamw", "weight_decay": 0.1}),
    "l2": Method(ADAM | {"l2": 1e-4}),
    "l2-adamw": Method({"optimizer": "adamw", "l2": 1e-4}),
    "decay-initial": Method({"optimizer": "adamw", "weight_decay": 0.01}, toward_initial=True),
    "decay-initial-0.03": Method({"optimizer": "adamw", "weight_decay": 0.03}, toward_initial=True),
    "l2-initial": Method(ADAM, penalty=1e-4),
    "continual": Method(ADAM, replacement=1e-5, maturity=1000),
    "continual-1e-4": Method(ADAM, replacement=1e-4, maturity=1000),
    "continual-adamw": Method({"optimizer": "adamw"}, replacement=1e-5, maturity=1000),
    "rmsprop": Method({"optimizer": "rmsprop"}),
    "sgd": Method({"optimizer": "sgd"}),
}


class Task(NamedTuple):
    """Events of a task."""

    x: NDArray[np.float64]
    """(T, INPUTS)"""
    y: NDArray[np.float64]
    """(T,)"""


class Errors(NamedTuple):
    """Mean squared errors of a task."""

    first_quarter: float
    second_half: float


class Learner:
    """An engine with a method."""

    def __init__(self, settings: dict[str, Any], method: Method, seed: int) -> None:
        self.engine = Engine(Settings(**BASE, seed=seed, **(settings | method.settings)))
        self._from_outside: ContinualBackpropagation | PenaltyTowardInitial | None = None
        if method.toward_initial:
            decay_to_initial(self.engine)
        if method.penalty:
            self._from_outside = PenaltyTowardInitial(self.engine, method.penalty)
        if method.replacement:
            self._from_outside = ContinualBackpropagation(self.engine, method.replacement, method.maturity)

    def learn(self, task: Task) -> Errors:
        """Learn a task, and return the errors."""
        squares = (self._outputs(task) - task.y) ** 2
        return Errors(float(squares[: len(squares) // 4].mean()), float(squares[len(squares) // 2 :].mean()))

    def _outputs(self, task: Task) -> NDArray[np.float64]:
        if self._from_outside is None:
            return self.engine.process("s", task.x, task.y)[:, 0]
        outputs = []
        for start in range(0, len(task.y), EVERY):
            part = slice(start, start + EVERY)
            outputs.append(self.engine.process("s", task.x[part], task.y[part])[:, 0])
            self._from_outside.after_events()
        return np.concatenate(outputs)


@njit(cache=True)
def _outputs(x: Any, before: Any, after: Any, slow: bool, state: Any) -> Any:
    """Return the outputs (T,) of a teacher whose weights (UNITS, INPUTS + UNITS + 1) change; the state goes on."""
    count = x.shape[0]
    y = np.empty(count)
    new = np.empty(UNITS)
    for t in range(count):
        share = (t + 1) / count if slow else 0.0
        y[t] = 0.0
        for i in range(UNITS):
            total = 0.0
            for j in range(INPUTS):
                total += ((1 - share) * before[i, j] + share * after[i, j]) * x[t, j]
            for j in range(UNITS):
                total += ((1 - share) * before[i, INPUTS + j] + share * after[i, INPUTS + j]) * state[j]
            new[i] = np.tanh(total)
            y[t] += ((1 - share) * before[i, -1] + share * after[i, -1]) * new[i]
        state[:] = new
    return y


def _teacher(rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the weights of a random teacher whose output has unit variance."""
    inputs = 1.05 * rng.standard_normal((UNITS, INPUTS)) / np.sqrt(INPUTS)
    recurrent = rng.standard_normal((UNITS, UNITS))
    recurrent *= 0.9 / np.abs(np.linalg.eigvals(recurrent)).max()
    weights = np.concatenate([inputs, recurrent, rng.standard_normal((UNITS, 1))], axis=1)
    weights[:, -1] /= _outputs(rng.standard_normal((2000, INPUTS)), weights, weights, False, np.zeros(UNITS)).std()
    return weights


def tasks(count: int, events: int, slow: bool, seed: int) -> Iterator[Task]:
    """Yield tasks of the given number of events."""
    rng = np.random.default_rng(seed)
    weights, state = _teacher(rng), np.zeros(UNITS)
    for _ in range(count):
        following, x = _teacher(rng), rng.standard_normal((events, INPUTS))
        y = _outputs(x, weights, following, slow, state) + NOISE * rng.standard_normal(events)
        weights = following
        yield Task(x, y)


def measure(
    settings: dict[str, Any], method: Method, *, count: int, events: int, slow: bool, fresh_every: int, seed: int
) -> dict[str, Any]:
    """Return the ratios of the errors by tenth of the tasks."""
    learner = Learner(settings, method, seed)
    old, fresh = np.full((count, 2), np.nan), np.full((count, 2), np.nan)
    seconds = 0.0
    for number, task in enumerate(tasks(count, events, slow, seed)):
        start = time.process_time()
        old[number] = learner.learn(task)
        seconds += time.process_time() - start
        if number % fresh_every == fresh_every - 1:
            fresh[number] = Learner(settings, method, seed + number).learn(task)
    both = np.isfinite(fresh[:, 0])
    tenths = np.minimum(10 * np.arange(count) // count, 9)
    ratios = np.array([[_ratio(old, fresh, both & (tenths == tenth), part) for tenth in range(10)] for part in (0, 1)])
    engine = learner.engine
    return {
        "worst_tenth": float(np.nanmax(ratios[1])),
        "last_tenth": float(ratios[1, tenths[-1]]),
        "old_to_fresh": " ".join(f"{ratio:.2f}" for ratio in ratios[1]),
        "first_quarter": float(_ratio(old, fresh, both, 0)),
        "old_mse": float(np.mean(old[:, 1])),
        "last_mse": float(np.mean(old[tenths == tenths[-1], 1])),
        "fresh_mse": float(np.mean(fresh[both, 1])),
        "largest_weight": max(float(np.abs(values).max()) for values in engine.parameters.values()),
        "skipped_updates": engine.counts.skipped,
        "microseconds_per_event": 1e6 * seconds / (count * events),
    }


def _ratio(old: NDArray[np.float64], fresh: NDArray[np.float64], rows: NDArray[np.bool_], part: int) -> float:
    return float(old[rows, part].mean() / fresh[rows, part].mean()) if rows.any() else float("nan")


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--change", choices=("slow", "abrupt"), default="slow", help="how tasks change (default slow)")
    parser.add_argument("--tasks", type=options.positive, default=1000, help="number of tasks (default 1,000)")
    parser.add_argument("--events", type=options.positive, default=2500, help="events of a task (default 2,500)")
    parser.add_argument("--fresh-every", type=options.positive, default=20, help="k (default 20)")
    parser.add_argument("--seeds", type=options.integers, default=(0,), help="of tasks and engines (default 0)")
    parser.add_argument("--networks", default=",".join(LAYERS), help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--methods", default="default", help=f"of {', '.join(METHODS)}")
    arguments = parser.parse_args()
    rows = []
    for network, method, seed in product(arguments.networks.split(","), arguments.methods.split(","), arguments.seeds):
        result = measure(
            NETWORKS[network],
            METHODS[method],
            count=arguments.tasks,
            events=arguments.events,
            slow=arguments.change == "slow",
            fresh_every=arguments.fresh_every,
            seed=seed,
        )
        rows.append({"network": network, "method": method, "seed": seed} | result)
        if not arguments.json:
            report.console.print(rows[-1])
    if arguments.json:
        report.show_json({"change": arguments.change, "runs": rows})
        return
    report.show(f"{arguments.tasks} tasks that change {'slowly' if arguments.change == 'slow' else 'abruptly'}", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
