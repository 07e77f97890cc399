"""How a child tells its parent what it read: JSON lists, each after its length in bytes.

["source", format]                                  once, first
["table", name, format, encoding, hidden, title]
["rows", [line, …], [[cell, …], …], [lines, …]]
["note", rule, line, column, severity, value, {name: value}]
["end"]                                             once, last
"""

import struct

SOURCE, TABLE, ROWS, NOTE, END = "source", "table", "rows", "note", "end"
LENGTH = struct.Struct("!I")
MAX_FRAME_BYTES = 64 << 20
CHUNK_ROWS = 2000
CHUNK_BYTES = 1 << 20
"""More than this is sent in halves, down to single rows."""
EXIT_FAILED, EXIT_MEMORY = 70, 71
