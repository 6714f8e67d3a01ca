"""The embedded author: rules, successive halving, changes per intersection."""
