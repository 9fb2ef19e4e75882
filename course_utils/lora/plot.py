"""A plot of the loss that grows while a training runs."""

import io
import time
from typing import Any

from matplotlib.figure import Figure
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class LossPlot(TrainerCallback):
    """Draw the losses that the `Trainer` logs, in one plot below the cell.

    Outside a notebook it draws nothing on the screen; `figure` holds the plot in any case. It
    shows as many points as `logging_steps` and `eval_strategy` let the `Trainer` log.
    """

    def __init__(self, *, title: str = "Loss on the answers", every_s: float = 2.0) -> None:
        """Prepare an empty plot.

        Args:
            title: What the plot says.
            every_s: Seconds between two drawings at least; the last one is always drawn.
        """
        self.figure = Figure(figsize=(6, 3.2), layout="constrained")
        self._title = title
        self._every_s = every_s
        self._drawn_at = 0.0
        self._handle: Any = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Open the plot; a resumed training starts with what it had."""
        self._handle = None
        self._draw(state)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Draw again, unless the last drawing is a moment ago."""
        if time.monotonic() - self._drawn_at >= self._every_s:
            self._draw(state)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Draw all that was logged."""
        self._draw(state)

    def _draw(self, state: TrainerState) -> None:
        self._drawn_at = time.monotonic()
        self.figure.clear()
        axes = self.figure.add_subplot()
        for key, style in (("loss", "C0-"), ("eval_loss", "C1o--")):
            points = [(entry["step"], entry[key]) for entry in state.log_history if key in entry]
            if points:
                label = "training" if key == "loss" else "held out"
                axes.plot(*zip(*points, strict=True), style, label=label)
        if axes.lines:
            axes.legend(frameon=False)
        axes.set(title=self._title, xlabel="step", ylabel="loss (nats a token)")
        axes.set_xlim(0, max(state.max_steps, 1))
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        if not _in_notebook():
            return
        from IPython.display import Image, display

        # A figure that pyplot doesn't know has no picture of its own in a notebook.
        picture = io.BytesIO()
        self.figure.savefig(picture, format="png", dpi=100)
        image = Image(data=picture.getvalue(), format="png", alt=self._title)
        if self._handle is None:
            self._handle = display(image, display_id=True)
        else:
            self._handle.update(image)


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")
