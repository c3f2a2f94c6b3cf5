"""What sources and sinks have in common of brokers: how a server is declared, and how it is connected to."""
