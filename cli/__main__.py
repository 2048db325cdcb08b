"""`python -m cli …`: the console command where no script of it is at hand, as for the services of `intraday up`."""

from cli.main import main

main()
