"""Throwaway machines of EC2, against a stand-in of AWS that refuses, throttles and loses answers."""
