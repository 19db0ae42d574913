"""Where records come from: collectors, and the labelled simulator."""
