"""A screen for foreign ONNX models: only small dense networks pass."""
