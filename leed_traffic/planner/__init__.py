"""A small language model of one's own: lessons, fine-tuning, examination."""
