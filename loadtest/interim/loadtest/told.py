"""What a command found, as it is told: JSON for programs, a table for people."""

from __future__ import annotations

from interim.client.commands.places import write_text


def tell(facts: str, table: str, json_to: str | None) -> None:
    """Print the table and write the JSON text `facts` to the file `json_to`, if there is one; "-": print it alone.

    The file first: a reader of the table may be gone.
    """
    if json_to == "-":
        print(facts)
        return
    try:
        if json_to:
            write_text(json_to, facts + "\n")
    finally:
        print(table)
