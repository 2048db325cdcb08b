"""Web pages that need nothing but themselves: their frame, their looks, the parts that they share, and their templates.

Here: everything about a page but what it says. What it says, and in which order, stands in the module of whoever makes
the page. All templates lie in this one folder, where each finds the frame and the parts that it is built of.
"""
