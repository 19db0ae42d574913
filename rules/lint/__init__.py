"""What `mingjian rules check` says of rule files: every problem at once, each with a stable code."""
