"""Supervisor (modes), independent monitor, latch, waits that outlive a process."""
