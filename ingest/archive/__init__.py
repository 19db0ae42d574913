"""Fetches what was said from the session archive (会话内容存档) of WeCom."""
