"""What was promised: agreements, their units, calendars, credits, and their compiled terms."""
