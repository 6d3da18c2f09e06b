"""What pages show while they are open, one file per family of topics."""
