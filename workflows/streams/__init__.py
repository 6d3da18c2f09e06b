"""Server-sent events: what changed, to every browser that looks, for the price of one poller."""
