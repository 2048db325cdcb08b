"""The feeds while a session goes on: what each has of it so far, bar by bar."""
