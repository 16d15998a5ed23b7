"""A guestbook: people write, a worker answers. A small twelve-factor app."""
