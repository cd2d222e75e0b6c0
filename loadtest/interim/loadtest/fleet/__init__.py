"""Many devices behind a router, in virtual time: fleets far larger than any machine here."""
