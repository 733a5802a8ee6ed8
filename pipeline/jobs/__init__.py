"""What each process does: pure steps over records."""
