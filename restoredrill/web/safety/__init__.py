"""Who may see and do what on the dashboard, and what no request gets past.

Who may do what, by how the dashboard is set up:

- **On loopback, without users.** Everybody who can connect may read: what is shown holds no row and no
  secret. But on a host that others use too, being able to connect proves nothing, so to *do* something one
  signs in as `operator`, with a key that lies in the state directory, readable by the service's own user
  alone: who can read it can do all of it from the command line anyway. It is another one after each start.
- **With users.** Nothing is shown before a password; the settings refuse to listen off loopback without.
- **Behind a proxy that signs people in.** Its word counts, from its addresses and from no other.

A browser on the same host is a way in as well: any page it shows can send requests to loopback. So a request
must name a host that is ours (a name that was rebound to 127.0.0.1 is not), and one that changes something
must come from a page of ours: by `Origin`, by `Sec-Fetch-Site`, and by a token that only our pages hold.

What this does not cover. Cookies know no ports: on a host with hostile users, who run a server on another
port and bring an operator's browser to it, use TLS and a name of its own. A proxy on the same host is told
from other programs there by nothing but its address.
"""
