"""PP-OCR's networks, made faster while they are loaded: one module per idea and engine."""
