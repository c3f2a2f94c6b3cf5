"""A server that is killed at random instants, again and again, while it is sent to: `python -m crash N [--seed S]`.

Several senders deliver measurements of days gone by, with corrections, duplicates and late rows, each batch again until
it is acknowledged; one delivers what happens now, which opens a case. After the last kill, what the log holds, what the
verdicts say and what was sent is compared with what an undisturbed run would have come to.
"""
