"""Settings of `leedctl scenario import`."""

from pathlib import Path

from pydantic import Field

from leed_traffic.domain.document import Settings

# Weekdays' peak-hour volumes scatter by about a tenth (Hellinga and Abdy 2007 show what that does to delay)
DEFAULT_SPREAD = 0.1


class ImportConfig(Settings):
    """Settings of an import."""

    source: Path
    """A .sumocfg, a .net.xml or an .osm.xml, plain or .gz; its outermost element decides which, not its name."""
    out: Path
    """The scenario folder to make; it must not exist yet."""
    routes: tuple[Path, ...] = ()
    """A route, trip or flow file for a net or extract; repeatable."""
    additional: tuple[Path, ...] = ()
    """An additional file for a net or extract (vehicle types, stops, signal programs); repeatable."""
    counts: Path | None = None
    """Turning counts to sample the traffic from, a CSV: begin_s,end_s,from_edge,to_edge,vehicles."""
    begin_s: float | None = Field(default=None, ge=0.0)
    """First second; default: the source's own, else 0."""
    end_s: float | None = Field(default=None, gt=0.0)
    """Last second; default: the source's own, else an hour after the first."""
    per_hour: float | None = Field(default=None, gt=0.0, le=100_000.0)
    """Invented vehicles per hour; default: what enters at the rim, at most what the signals carry."""
    seed: int = 1
    """Of invented or sampled traffic."""
    spread: float = Field(default=DEFAULT_SPREAD, ge=0.0, le=1.0)
    """How much days differ: coefficient of variation of volumes; 0: every seed is the day as given."""
    drives_left: bool = False
    """The extract's country drives on the left."""
    guesses_signals: bool = False
    """Signals at large junctions, too, where the map has none."""
    guesses_walkers: bool = False
    """Pavements and crossings, too, where the map draws none."""
