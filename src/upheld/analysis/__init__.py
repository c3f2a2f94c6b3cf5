"""What belongs to a case: its cause candidates, the other services they hit, recent changes."""
