"""The operator's console and the customer's page, rendered on the server."""
