"""What a session remembers and what the address says."""
