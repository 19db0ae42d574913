"""What `mingjian rules check` says of rule files: all problems at once, with stable codes."""
