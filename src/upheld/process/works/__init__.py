"""Planned works: taken in, foreseen, announced, objected to, lived through, and what their announcements earned."""
