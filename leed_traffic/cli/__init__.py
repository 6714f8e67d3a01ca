"""`leedctl`: one module per family of commands."""
