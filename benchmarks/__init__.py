"""What the figures of README come from."""
