"""A labelled simulator of one advisory firm's day on WeCom. Not WeCom: docs/simulator.md."""
