"""Captures of others: read, followed connection by connection, explained, written as cases."""
