"""One tracked step of a case: what is requested, done, failed or overdue."""
