"""Event logs, decision logs and the recording."""
