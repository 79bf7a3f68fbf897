"""The pages: server-rendered HTML that works at once, made live by small ES modules.

`register(app, source)` puts them on a Flask app: the pages, their static files, Plotly's script from the installed
package, and the headers that keep user content out of the page's origin context.
"""

from runreel_server.pages.routes import register
from runreel_server.pages.source import Source

__all__ = ["Source", "register"]
