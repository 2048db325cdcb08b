"""The quality gate: rules that measure a session, and the judgement made of what they found."""
