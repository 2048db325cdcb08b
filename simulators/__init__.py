"""Stand-ins for the vendors, and the recordings they replay.

What belongs here: servers that speak a vendor's wire format over a real loopback socket, the recorded bars and error
bodies they answer with, and the faults they can be asked to have. What does not: anything that the product needs in
production, and any import of the project's other packages. The product reaches a stand-in only by its address, so
that the code under test is the code that talks to the vendor.
"""
