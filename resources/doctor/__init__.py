"""Does this machine have what the system needs? Small checks, a line each; nothing is changed by any of them."""
