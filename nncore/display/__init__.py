"""What somebody at a terminal or a notebook sees of a thing: a few lines, a card with a small chart, a bar."""
