"""Cases: what belongs to one cause, what caused it, what it was, and what the customer answers."""
