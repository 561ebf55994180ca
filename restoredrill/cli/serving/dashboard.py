"""The dashboard of a service: its application, its server, and how alive it says the service is."""

from restoredrill import config, wiring
from restoredrill.cli.frame import Context
from restoredrill.cli.serving.service import Service
from restoredrill.cli.serving.watch import Watch, metrics
from restoredrill.cli.serving.world import ServiceDesk, ticking
from restoredrill.controller import Say
from restoredrill.metrics.prometheus import render
from restoredrill.web import vitals
from restoredrill.web.app import create
from restoredrill.web.safety.guards import entrance
from restoredrill.web.serving import Dashboard


def dashboard(context: Context, service: Service, watch: Watch, say: Say) -> Dashboard:
    """Made, and not begun. Where it listens and by what key it signs is settled when it begins; who may sign
    in follows the files. Raises `UsageError`, `SecretMissing`, `CloudError`.
    """
    settings = service.configuration.current.service.web
    key = None if settings.session_key is None else wiring.reveal(settings.session_key, "web.session_key")
    gate = entrance(
        lambda: service.configuration.current.service.web,
        service.history.alarms,
        config.state_directory(),
        None if key is None else key.reveal(),
    )
    app = create(
        ServiceDesk(context, service, say),
        gate,
        lambda: vitals.health(*ticking(service)),
        lambda accept: render(metrics(service, watch), accept),
    )
    return Dashboard(app, settings)
