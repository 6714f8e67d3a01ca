"""One policy per intersection: cloning, DAgger, the expert loss mixed into PPO, export to ONNX."""
