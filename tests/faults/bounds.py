"""The memory that ARCHITECTURE.md allows for a connection in each state, in bytes; what was there before comes on top."""

#: Kept alive, nothing under way: the driver's task, its entry in the worker, the socket's place in the reactor.
IDLE = 6 * 1024
#: Bytes of one side wait in a block.
BLOCK = 64 * 1024
#: Blocks lent to a connection at most: one for what each side sent.
BLOCKS = 2
#: Bodies kept for a repeat, of the whole process (LIMIT_REPLAY_TOTAL); a growing copy lies in memory twice for a moment.
REPLAY = 64 * 1024 * 1024
#: What an allocator keeps for itself, and what a process gets used to in its first requests.
SLACK = 16 * 1024 * 1024


def allowed(connections, blocks=0, replay=0):
    """Bytes by which the process may grow for so many connections."""
    return SLACK + connections * (IDLE + blocks * BLOCK) + replay
