"""Networks, the anytime interface, and what is measured of them."""
