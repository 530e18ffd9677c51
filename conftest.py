"""Enables the plugin in a checkout where the package is not installed.

Installed, it comes by its entry point, which has the same name: pytest registers it once.
"""

pytest_plugins = ["tw_conformance.plugin"]
