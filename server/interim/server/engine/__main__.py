"""`python -m interim.server.engine`: one engine process, started by the front."""

from interim.server.engine.process import main

main()
