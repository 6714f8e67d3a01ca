"""Inputs of SUMO: its files, its hour and its options."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SumoInputs:
    """A net, what is loaded beside it, and from when to when."""

    name: str  # the folder's name, or the .sumocfg's without its ending
    net_file: Path
    additional_files: tuple[Path, ...]
    begin_s: float
    end_s: float
    step_length_s: float
    options: tuple[str, ...]  # further SUMO options that shape the traffic, option and value in turn

    def __post_init__(self) -> None:
        if not self.begin_s < self.end_s:
            raise ValueError(f"need begin_s < end_s, got {self.begin_s} and {self.end_s}")
        if not 0.0 < self.step_length_s <= 1.0:
            raise ValueError(f"need 0 < step_length_s <= 1, got {self.step_length_s}")
