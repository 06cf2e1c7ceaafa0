"""The tasks that come with Waggle, one file each, loaded by name; see node.task."""
