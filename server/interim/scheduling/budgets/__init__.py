"""B(x, t): how long a request may take, as pure values of the request, of now and of what an operator said.

A request is admitted by the budget it was *asked* for with: its own, its gRPC deadline's, its class's default
or the server's. Policies (by class, clock, load, event, a user's function) only shorten that; of those that
speak the earliest deadline binds. `Book` composes them all.
"""
