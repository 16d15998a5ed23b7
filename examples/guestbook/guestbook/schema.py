"""The release phase: bring the schema to what this release needs, before it gets traffic.

Old and new release run side by side for a moment, so a change here only ever adds.
"""

from guestbook.database import connect, metadata

if __name__ == "__main__":
    metadata.create_all(connect())
    print("schema is up to date")
