"""Steps of playbooks, and credits: recorded, taken, followed."""
