"""A static site: runs of nncore with the app's own network, charts and player, opened from a folder without a server."""
