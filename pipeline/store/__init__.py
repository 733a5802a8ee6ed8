"""Redis behind two faces, streams and readable views, and their twin in memory."""
