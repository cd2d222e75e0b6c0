"""The front: one asyncio process that owns every request's public state, its deadline and its answers."""
