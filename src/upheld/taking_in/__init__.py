"""What comes from outside, read and taken in: measurements, counters, alarms, providers' notices."""
