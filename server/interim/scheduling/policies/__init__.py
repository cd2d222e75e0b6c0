"""The policies behind `interim.scheduling.policy.named`, one a file."""
