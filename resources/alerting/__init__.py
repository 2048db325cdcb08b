"""How people are told of what went wrong: messages, the channels that carry them, and when one is sent."""
