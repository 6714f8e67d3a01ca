"""Options that several commands have."""

from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
SpreadOption = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="How much days differ (docs/networks.md); else as the scenario says.")
]
