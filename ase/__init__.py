"""The readers inside iFlytek's ASE platform."""
