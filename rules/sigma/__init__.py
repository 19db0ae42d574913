"""Plain Sigma rules (v2.1) of any log source, evaluated on any JSON events.

Separate from the rules about conversations (`rules.sigma_parse`): there a text is folded and every
unknown field is an error; here an event is whatever JSON says, and Sigma's own meaning holds.
"""
