"""Queries written to a file with all that their sources answered, and run again from it."""
