"""What rules and looks know of the field and read of an app, where several of them need it."""
