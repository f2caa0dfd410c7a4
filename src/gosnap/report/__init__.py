"""The only room that formats: text tables and canonical JSON."""
