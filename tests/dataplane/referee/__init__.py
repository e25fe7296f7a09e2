"""The rules of falls and repeats a second time, written from their description, to be held against a real Envoy.

`model` says what becomes of a request; `pairs` makes requests up; `arena` sends them; `verdict` compares.
"""
