"""What nodes ask of connections that are no databases: files, documents, HTTP services."""
