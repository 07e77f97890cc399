"""The demo: a made-up city published by made-up people, in a folder of its own."""
