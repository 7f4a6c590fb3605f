"""
A small network trained on scikit-learn's digits data, three peak learning rates side by side, for live curves.

Plain numpy: two hidden layers, ReLU, softmax, momentum. The three runs take turns, step by step, so that their curves
grow next to each other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from runstream import Experiment, Run, Workspace

EXPERIMENT = "digits-network"
PEAK_RATES = (0.002, 0.006, 0.02)
WARM_UP_STEPS = 200
N_STEPS = 4000
BATCH = 128
NOISE = 0.5
"""Standard deviation of what is added to each training picture: clean digits would be learnt before anyone looks."""

HIDDEN = 192
N_CLASSES = 10
EVALUATE_EVERY = 50

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Digits:
    """1,797 handwritten digits of 8 x 8 pixels, scaled to 0..1: float64[n, 64] and int64[n]."""

    x_train: Floats
    y_train: Labels
    x_test: Floats
    y_test: Labels


def data() -> Digits:
    """Return the digits, a fifth of them for testing."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x / 16.0, y, test_size=0.2, random_state=0)
    return Digits(x_train, y_train, x_test, y_test)


@dataclass(frozen=True, slots=True)
class Step:
    """What one training step came to, on its own batch and before its change."""

    loss: float
    accuracy: float
    gradient_norm: float


class Network:
    """A classifier 64-192-192-10 and its momentum; deterministic for one seed."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        sizes = (64, HIDDEN, HIDDEN, N_CLASSES)
        self.weights = [random.normal(0.0, np.sqrt(2.0 / a), (a, b)) for a, b in itertools.pairwise(sizes)]
        self.biases = [np.zeros(b) for b in sizes[1:]]
        self._speeds = [np.zeros_like(array) for array in (*self.weights, *self.biases)]

    def probabilities(self, x: Floats) -> tuple[Floats, list[Floats]]:
        """Return the class probabilities of n digits, float64[n, 10], and the inputs of each layer."""
        inputs = [x]
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inputs.append(np.maximum(inputs[-1] @ weight + bias, 0.0))
        logits = inputs[-1] @ self.weights[-1] + self.biases[-1]
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return raised / raised.sum(axis=1, keepdims=True), inputs

    def learn(self, x: Floats, y: Labels, rate: float, momentum: float = 0.9) -> Step:
        """Take one step on a batch."""
        chances, inputs = self.probabilities(x)
        loss, accuracy = cross_entropy(chances, y), share_right(chances, y)
        delta = chances.copy()
        delta[np.arange(len(y)), y] -= 1.0
        delta /= len(y)
        weight_slopes: list[Floats] = []
        bias_slopes: list[Floats] = []
        for layer in reversed(range(len(self.weights))):
            weight_slopes.insert(0, inputs[layer].T @ delta)
            bias_slopes.insert(0, delta.sum(axis=0))
            delta = (delta @ self.weights[layer].T) * (inputs[layer] > 0.0)
        slopes = [*weight_slopes, *bias_slopes]
        for speed, array, slope in zip(self._speeds, (*self.weights, *self.biases), slopes, strict=True):
            speed *= momentum
            speed -= rate * slope
            array += speed
        return Step(loss, accuracy, float(np.sqrt(sum(float((slope * slope).sum()) for slope in slopes))))


def cross_entropy(chances: Floats, y: Labels) -> float:
    """Return the mean negative log likelihood of labels int64[n] under float64[n, 10]."""
    return float(-np.log(chances[np.arange(len(y)), y] + 1e-12).mean())


def share_right(chances: Floats, y: Labels) -> float:
    """Return the share of labels int64[n] that float64[n, 10] tells right."""
    return float((chances.argmax(axis=1) == y).mean())


def rate_at(step: int, n_steps: int, peak: float) -> float:
    """Return the learning rate of a step: a linear warm-up, then half a cosine down to nothing."""
    if step < WARM_UP_STEPS:
        return peak * (step + 1) / WARM_UP_STEPS
    return peak * 0.5 * (1.0 + math.cos(math.pi * (step - WARM_UP_STEPS) / max(1, n_steps - WARM_UP_STEPS)))


def batches(digits: Digits, seed: int) -> Iterator[tuple[Floats, Labels]]:
    """Yield shuffled batches with fresh noise for ever."""
    random = np.random.default_rng(seed)
    while True:
        order = random.permutation(len(digits.y_train))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            noise = random.normal(0.0, NOISE, (BATCH, digits.x_train.shape[1]))
            yield digits.x_train[chosen] + noise, digits.y_train[chosen]


def train(workspace: Workspace, n_steps: int = N_STEPS) -> list[Run]:
    """
    Train one network a learning rate, step by step in turn; return their completed runs.

    On one core: matrices this small gain nothing from a second, and consumer and dashboard need it.
    """
    with threadpool_limits(1):
        return _train(workspace, n_steps)


def _train(workspace: Workspace, n_steps: int) -> list[Run]:
    experiment = Experiment(workspace=workspace, name=EXPERIMENT)
    digits = data()
    networks = [Network(seed=1) for _ in PEAK_RATES]
    feed = batches(digits, seed=1)
    # Left normally, every run is completed; interrupted, every one is failed and says by what.
    with ExitStack() as stack:
        runs = [stack.enter_context(_started(experiment, peak)) for peak in PEAK_RATES]
        for step in range(n_steps):
            x, y = next(feed)
            for run, network, peak in zip(runs, networks, PEAK_RATES, strict=True):
                rate = rate_at(step, n_steps, peak)
                done = network.learn(x, y, rate)
                run.log("train/loss", done.loss, step=step)
                run.log("train/accuracy", done.accuracy, step=step)
                run.log("train/gradient norm", done.gradient_norm, step=step)
                run.log("train/learning rate", rate, step=step)
                if step % EVALUATE_EVERY == 0 or step == n_steps - 1:
                    _evaluate(run, network, digits, step)
            if step % 500 == 0:
                print(f"digits: step {step} of {n_steps}", flush=True)
        for run, network in zip(runs, networks, strict=True):
            run.log_table("recall by digit", _recall(network, digits))
    return runs


def _started(experiment: Experiment, peak: float) -> Run:
    run = experiment.start_logging(display_name=f"rate {peak:g}", tags={"model": "network", "data": "digits"})
    layers = f"64-{HIDDEN}-{HIDDEN}-{N_CLASSES}"
    run.add_properties({"layers": layers, "batch": str(BATCH), "peak rate": f"{peak:g}"})
    return run


def _evaluate(run: Run, network: Network, digits: Digits, step: int) -> None:
    chances, _ = network.probabilities(digits.x_test)
    run.log("test/loss", cross_entropy(chances, digits.y_test), step=step)
    run.log("test/accuracy", share_right(chances, digits.y_test), step=step)


def _recall(network: Network, digits: Digits) -> dict[str, list[float]]:
    """Return, per digit, the share of its test pictures that were told right."""
    chances, _ = network.probabilities(digits.x_test)
    right = chances.argmax(axis=1) == digits.y_test
    classes = range(N_CLASSES)
    return {
        "digit": [float(digit) for digit in classes],
        "recall": [float(right[digits.y_test == digit].mean()) for digit in classes],
    }
