"""What other systems are told: events of cases, verdicts, credits and maintenance, and what billing takes."""
