"""How long a message is kept, and what keeps it longer: periods, policies, presets, holds. Pure."""
