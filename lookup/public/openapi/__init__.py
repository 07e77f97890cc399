"""The OpenAPI 3.1 document: every request a program may make, and every answer it may get.

Made from tables. A kind's fields travel in plain in its release (DESIGN.md, "The sealed release
file"), so they may be told before its hour.
"""
