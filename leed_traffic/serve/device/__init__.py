"""Signals behind TraCI: the contract, one message a tick, owners and their marks."""
