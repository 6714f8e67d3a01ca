"""Programs that stand at the street: their own, Webster's, actuated."""
