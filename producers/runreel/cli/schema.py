"""`runreel schema`: the contract, for other programs."""

from __future__ import annotations

import click
import msgspec

from runreel.settings import Settings


@click.command("schema")
@click.option("--asyncapi", is_flag=True, help="The AsyncAPI document of the topics instead of the JSON Schema.")
def command(asyncapi: bool) -> None:
    """Print the JSON Schema of every event."""
    from runreel.schema import async_api, json_schema

    document = async_api(Settings()) if asyncapi else json_schema()
    click.echo(msgspec.json.format(msgspec.json.encode(document)).decode())
