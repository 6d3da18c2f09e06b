"""How long things are kept: ``policies`` say it, ``outdated`` and ``pruning`` go by them."""
