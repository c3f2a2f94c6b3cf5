"""Planned work: its impact, its announcements, and the exclusions that they earn (TMF655)."""
