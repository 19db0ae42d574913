"""Targets of delivery behind one protocol, and their read side."""
