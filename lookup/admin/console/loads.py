"""Loading: the form, and the files as they arrive."""

import contextlib
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from lookup.admin.console.forms import whole_number
from lookup.admin.console.site import Visit
from lookup.admin.console.uploads import Upload, arriving, receive
from lookup.admin.intake.choice import Choice
from lookup.admin.jobs import LOAD
from lookup.admin.people import sessions
from lookup.admin.refusals import misused
from lookup.errors import KindError
from lookup.kind_file import load_named

SECTION = "batches"
CODES = "access-codes.csv"


async def form(visit: Visit) -> Response:
    """`GET /batches/new`."""
    folder = visit.site.settings.kinds_dir
    kinds = []
    for path in sorted(folder.glob("*.toml")):
        with contextlib.suppress(KindError):
            kinds.append(load_named(folder, path.stem))
    return visit.page("batch_new.html", SECTION, kinds=kinds)


async def receive_files(visit: Visit) -> Response:
    """`POST /batches`: files to the disk as they come, then a job that loads them."""
    site = visit.site

    def check_token(upload: Upload) -> None:
        if not sessions.csrf_right(visit.token, upload.get("csrf")):
            raise misused("foreign")

    with arriving(site.uploads):
        upload = await received(visit, check_token)
        try:
            check_token(upload)
            if not upload.files:
                raise misused("no_file")
            return await _start(visit, upload)
        except BaseException:
            upload.drop()
            raise


async def received(visit: Visit, check_token: Callable[[Upload], None]) -> Upload:
    """What a form with files brought. Raises UsageError where it broke off."""
    request = visit.request
    content_type = request.headers.get("content-type", "")
    try:
        return await receive(visit.site.uploads, content_type, request.stream(), check_token)
    except ClientDisconnect as error:
        raise misused("broken_upload") from error


async def _start(visit: Visit, upload: Upload) -> Response:
    site = visit.site
    if not upload.get("kind"):
        raise misused("no_kind")
    kind = load_named(site.settings.kinds_dir, upload.get("kind"))
    spec = {
        "kind": kind.name,
        "title": upload.get("title").strip() or kind.title.zh,
        "files": [str(path.relative_to(upload.folder)) for path in upload.files],
        "folder": "",
        "choice": _choice(upload),
        "expected": whole_number(upload.get("expected")),
        "codes": CODES if upload.get("codes") else "",
    }

    def settle(number: int) -> dict[str, str]:
        upload.move(site.uploads / str(number))
        return {"folder": upload.folder.name}

    job = await site.jobs.add(visit.desk.database, LOAD, spec, visit.actor.name, settle)
    await site.jobs.start_next()
    return visit.go(f"/jobs/{job}")


def _choice(upload: Upload) -> str:
    lines = [line.strip() for line in upload.get("mapping").splitlines() if line.strip()]
    pairs = [line.rpartition("=") for line in lines]
    if not all(column and equals for column, equals, _ in pairs):
        raise misused("no_mapping")
    sheets = [one.strip() for one in upload.get("sheets").replace("，", ",").split(",")]
    choice = Choice(
        {column.strip(): field.strip() for column, _, field in pairs},
        whole_number(upload.get("header")),
        tuple(filter(None, sheets)),
    )
    return choice.to_json()
