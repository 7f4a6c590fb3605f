"""Logins: runstream needs no account, so whatever a script logs in with is accepted, and nothing is kept of it."""

from __future__ import annotations


class AbstractAuthentication:
    """A login with any arguments; they are looked at by nobody."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


class InteractiveLoginAuthentication(AbstractAuthentication):
    """A login by a browser: none is opened."""


class AzureCliAuthentication(AbstractAuthentication):
    """A login by another program: it is not asked."""


class ServicePrincipalAuthentication(AbstractAuthentication):
    """A login by a password: it is not kept."""


class MsiAuthentication(AbstractAuthentication):
    """A login by the machine."""


class TokenAuthentication(AbstractAuthentication):
    """A login by a token: the function that gives it is not called."""
