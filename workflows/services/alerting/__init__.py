"""``watching`` and ``noticing`` find happenings, ``telling`` groups them, ``sending`` sends."""
