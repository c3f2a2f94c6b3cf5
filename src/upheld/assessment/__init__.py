"""From measurements to verdicts: slots, timelines, budgets. No I/O and no clock.

`reference.assess` is the rule, for reading; `advance.advance` is the same rule over columns, for running."""
