"""Who is told what, when and why: planning, texts and their delivery record (TMF681)."""
