"""The training methods of the papers, each held against its claim at a size that two cores can train."""
