"""One frozen Settings, read once and passed down."""
