"""Reports in every form that somebody reads: people, pages, CI servers."""
