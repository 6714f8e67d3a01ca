"""Score of a run: delay, queues, unsafe changes, broken limits, collisions and whose they were."""
