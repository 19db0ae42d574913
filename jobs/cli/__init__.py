"""The mingjian command."""
