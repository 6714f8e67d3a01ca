"""Traffic-signal control from expert demonstrations (LEED), from training to deployment."""

import os

__version__ = "0.1.0"

# ONNX Runtime (from 1.32 on) would report to its makers, with a thread, three descriptors and a file in the home
# folder.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
