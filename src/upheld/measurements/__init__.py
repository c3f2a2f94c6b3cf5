"""What was delivered: measurements, their identity and their columns."""
