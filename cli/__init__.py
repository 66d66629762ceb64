"""The command line of geounet; installs as the package geounet_cli."""
