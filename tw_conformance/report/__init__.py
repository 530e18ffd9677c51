"""Views of a verdict for people: the ladder, the explanation, the capture."""
