"""The speed bars: one program per claim. See README.md."""
