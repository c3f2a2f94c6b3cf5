"""Upheld: manage what happens when a promised quality of service is in danger or broken (eTOM 1.3.8.2)."""
