"""A process that sends events to the sinks of a file, until it is killed."""

import sys
import time

from upheld.app import Application, Settings

database, sinks = sys.argv[1:]
settings = Settings(database_url=database, events=sinks, allowed_callbacks=["127.0.0.0/8"])  # type: ignore[arg-type]
application = Application(settings)
print("ready", flush=True)
while True:
    application.sinks.look()
    time.sleep(0.05)
