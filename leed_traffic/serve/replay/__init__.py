"""A recorded run decided again and compared, byte for byte."""
