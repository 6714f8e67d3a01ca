"""Records of a run on the disk: settings, metrics, checkpoints, best policies, curves."""
