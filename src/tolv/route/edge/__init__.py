"""The HTTPS edge: a Caddy process in front of the router that answers for own domains, with certificates of their own.

Caddy's configuration does not name the domains: it asks for a certificate when a name is called for the first time,
if there is a file of that name in `<home>/edge/domains`. So a domain comes and goes without a reload, in which Caddy
would close idle connections and lose requests on new ones (measured in `docs/https.md`).
"""
