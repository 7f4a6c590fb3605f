"""The demo: real training, logged with the SDK as a user would."""
