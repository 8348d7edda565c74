"""Where the figures of docs/accuracy-and-speed.md come from."""
