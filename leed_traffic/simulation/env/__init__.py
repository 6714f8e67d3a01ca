"""The environment of training: observe, rule, step, reward."""
