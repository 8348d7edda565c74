"""The HTTP edge: all that a request passes through, and all that an answer looks like."""
