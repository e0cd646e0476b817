"""Images read row by row: a convolution over the newest rows, followed by a recurrent layer.

The images have 12 x 12 pixels, with a line, a cross or a box in noise. Each row is an event; the label comes with the
last row. The convolution sees a pixel's neighbours in the newest three rows, and is trained through the recurrent
layer.

    python examples/images.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

SIZE, FIGURE = 12, 5
CLASSES = ("horizontal", "vertical", "rising", "falling", "cross", "box")


def pictures(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 12, 12) and their classes (N,)."""
    eye, line = np.eye(FIGURE), np.zeros((FIGURE, FIGURE))
    line[FIGURE // 2] = 1
    box = np.ones((FIGURE, FIGURE))
    box[1:-1, 1:-1] = 0
    shapes = np.array([line, line.T, eye[::-1], eye, np.maximum(line, line.T), box])
    classes = rng.integers(0, len(CLASSES), count)
    images = rng.normal(0, 0.3, (count, SIZE, SIZE))
    for image, label in zip(images, classes, strict=True):
        row, column = rng.integers(0, SIZE - FIGURE + 1, 2)
        image[row : row + FIGURE, column : column + FIGURE] += shapes[label]
    return images, classes


def main() -> None:
    """Print each network's accuracy in the last quarter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=10_000)
    count = parser.parse_args().pictures

    images, classes = pictures(count, np.random.default_rng(0))
    labels = np.full((count, SIZE), np.nan)
    labels[:, -1] = classes
    ends = np.tile(np.arange(SIZE) == SIZE - 1, count)
    for layers, hidden in ((("gru",), (64,)), (("dense", "gru"), (64, 64)), (("conv", "gru"), (64, 64))):
        settings = Settings(
            inputs=tuple(f"column {i}" for i in range(SIZE)),
            targets=("shape",),
            task="classification",
            classes=len(CLASSES),
            layer=layers,
            hidden=hidden,
            activation="relu",
            kernel=3,
            window=SIZE,
            scale_inputs=False,
            missing_flags=False,
        )
        scores = Engine(settings).process("pictures", images.reshape(-1, SIZE), labels.ravel(), ends=ends)[ends]
        right = (scores.argmax(axis=1) == classes)[3 * count // 4 :].mean()
        print(f"{' > '.join(layers):<12} {right:4.0%} right")


if __name__ == "__main__":
    main()
