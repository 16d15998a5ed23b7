"""Factor VII: the public port. The router maps hosts to deploys and moves their traffic; it is a process of its own."""
