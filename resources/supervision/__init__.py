"""Keeping processes running: started in order, watched, started again when they die, ended in order.

Here: children, their supervisor, their process groups, their one log. Not here: what the children are
(`cli.up_children`).
"""
