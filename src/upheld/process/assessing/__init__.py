"""What was promised is in force, what has come in is assessed, and what that comes to is kept."""
