"""Clients of AWS and what its errors mean."""
