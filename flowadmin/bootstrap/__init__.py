"""What a new installation gets: keys of pools, a team, an administrator, samples."""
