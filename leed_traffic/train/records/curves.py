"""Learning curve as TensorBoard scalars, by unit of work."""

import logging
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from torch.utils.tensorboard import SummaryWriter

from leed_traffic.train.records.run_folder import MetricsRow


class ScalarLog:
    """Scalars of one run; the step is the unit of work."""

    def __init__(self, folder: Path) -> None:
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        self._folder = folder
        self._writer = SummaryWriter(str(folder))

    def add(self, row: MetricsRow) -> None:
        """Write one unit's figures."""
        scalars = {"simulated_hours": row.simulated_hours, "return": row.mean_return, "delay_s": row.delay_s}
        scalars |= {
            "expert_delay_s": row.expert_delay_s,
            **{f"loss/{name}": value for name, value in row.losses.items()},
        }
        scalars |= {f"weight/{id_}": value for id_, value in row.weights.items()}
        scalars |= {f"similarity/{id_}": value for id_, value in row.similarity.items()}
        for name, value in scalars.items():
            if value is not None:
                self._writer.add_scalar(name, value, row.unit)
        self._writer.flush()

    def keep(self, rows: Sequence[MetricsRow]) -> None:
        """Go on after these rows: what an interrupted unit wrote later no longer counts."""
        self._writer.close()
        self._writer = SummaryWriter(str(self._folder), purge_step=len(rows) + 1)

    def __enter__(self) -> "ScalarLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
