"""The live demonstration: a simulated provider that streams into a real server over HTTP."""
