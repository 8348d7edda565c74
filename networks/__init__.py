"""Networks of PP-OCR, made faster when they are loaded: one module for each idea and engine."""
