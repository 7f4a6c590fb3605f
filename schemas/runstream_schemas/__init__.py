"""Formats that two programs of runstream share: on the wire and on the disk. No policy, no configuration."""
