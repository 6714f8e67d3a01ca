"""Traffic-signal control from expert demonstrations (LEED), from training to deployment."""

__version__ = "0.1.0"
