"""How the server must be set up for the guards to be right."""

from typing import Any

# Whose address and which scheme a request has is judged here, by the proxies that the settings name; uvicorn
# would believe the headers of anybody on loopback. No other protocol is spoken. A head is at most 32 KiB, and
# whoever opens connections without end gets 503 before the process runs out of files.
SERVER_OPTIONS: dict[str, Any] = {
    "http": "h11",
    "ws": "none",
    "proxy_headers": False,
    "server_header": False,
    "h11_max_incomplete_event_size": 32 * 1024,
    "limit_concurrency": 256,
    "timeout_keep_alive": 15,
}
