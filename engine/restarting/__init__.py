"""Going on from the failed node: which rows are kept, and which still hold."""
