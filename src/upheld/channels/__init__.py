"""How notices leave: e-mail (SMTP) and signed webhooks. Each passes the suite in tests/channels/."""
