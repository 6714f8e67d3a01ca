"""What a run was worth: delay, queues, unsafe changes, broken limits, collisions and whose they were."""
