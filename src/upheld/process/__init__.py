"""Process 1.3.8.2 through the store, room by room: load -> decide -> commit."""
