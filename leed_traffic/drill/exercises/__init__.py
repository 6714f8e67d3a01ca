"""One module per kind of attack; each reports what held."""
