"""`intraday …`: reads what a person asks for, calls the rooms below, shows what came of it. No work of its own."""
