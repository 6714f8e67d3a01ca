"""Status page, metrics, command server, systemd."""
