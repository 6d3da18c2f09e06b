"""The JSON API under ``/api/v1``: parse → permission → one service → answer."""
