"""Where releases and live pointers are kept. One contract; today one store, of files."""
