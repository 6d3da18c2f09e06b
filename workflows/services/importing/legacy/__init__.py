"""``addWorkflow`` payloads of the system that FlowAdmin replaces.

1. ``parse`` opens the payload's JSON texts and reads nodes and dependencies.
2. ``graph`` checks (or, for exports, infers) which node follows which.
3. ``databases`` and one file per transform in ``transforms`` translate each node.
4. ``translate`` puts a definition together; ``importer`` saves it.

Nothing is connected to or executed. All problems of a payload are reported together.
"""

from workflows.services.importing.legacy.importer import (
    AlreadyThere,
    Imported,
    ImportRefused,
    Mode,
    NotThereToUpdate,
    import_payload,
)

__all__ = [
    "AlreadyThere",
    "ImportRefused",
    "Imported",
    "Mode",
    "NotThereToUpdate",
    "import_payload",
]
