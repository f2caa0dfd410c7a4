"""One small module per verb, imported when it is used."""
