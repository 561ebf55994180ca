"""The API's routes: words are checked against the table, errors become problems, documents become JSON."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import anyio.to_thread
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from restoredrill.errors import RestoredrillError
from restoredrill.web.api.acting import Acting
from restoredrill.web.api.needs import World
from restoredrill.web.api.openapi import description
from restoredrill.web.api.operations import PARTS, Call, Operation, table
from restoredrill.web.api.reading import Reading
from restoredrill.web.safety.entrance import visit
from restoredrill.web.safety.limits import BODY
from restoredrill.web.safety.refusals import Refusal, answer, nothing
from restoredrill.web.safety.trouble import refusal


def api(world: World, now: Callable[[], datetime]) -> Mount:
    """To be put into the application, behind the gate."""
    operations = table(Reading(world, now), Acting(world, now))
    described = description(operations)

    async def tell(_request: Request) -> Response:
        return JSONResponse(described)

    routes = [Route("/openapi.json", tell, methods=["GET"])]
    for path in dict.fromkeys(one.path for one in operations):
        same: dict[str, Operation] = {one.method: one for one in operations if one.path == path}
        routes.append(Route(path, _endpoint(same), methods=list(same)))
    handlers = {HTTPException: _not_found, Exception: _unexpected}
    return Mount("/api", Starlette(routes=routes, exception_handlers=handlers))  # type: ignore[arg-type]


def _endpoint(operations: Mapping[str, Operation]) -> Callable[[Request], object]:
    async def answer_it(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        try:
            call = _call(request, operation)
            found = await anyio.to_thread.run_sync(operation.do, call)
        except Refusal as refused:
            return answer(request.scope, refused)
        except RestoredrillError as error:
            return answer(request.scope, refusal(error))
        return _response(found, operation)

    return answer_it


def _call(request: Request, operation: Operation) -> Call:
    """Raises `Refusal`."""
    names = {name: str(value) for name, value in request.path_params.items() if name in PARTS}
    for name, value in names.items():
        if re.fullmatch(PARTS[name][0], value) is None or "\n" in value:
            raise nothing(name)
    query = request.query_params.multi_items()
    return Call(visit(request), names, query, _body(request.scope.get(BODY, b""), operation.takes))


def _body(body: bytes, model: type[BaseModel] | None) -> BaseModel | None:
    """Raises `Refusal`."""
    if model is None:
        if body:
            raise Refusal(400, "Nothing is to be sent along here")
        return None
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        told = "; ".join(
            _told(one["loc"], one["msg"]) for one in error.errors(include_url=False, include_input=False)
        )
        hint = "/api/openapi.json describes it"
        raise Refusal(422, "The document can't be understood", told[:1000], hint) from None


def _told(place: Sequence[int | str], words: str) -> str:
    where = ".".join(map(str, place))
    return f"{where}: {words}" if where else words


def _response(found: BaseModel | None, operation: Operation) -> Response:
    if found is None:
        return Response(status_code=operation.status)
    body = found.model_dump_json(by_alias=True)
    return Response(body, operation.status, media_type="application/json")


async def _not_found(request: Request, error: HTTPException) -> Response:
    title = "There is nothing at this address" if error.status_code == 404 else "This can't be done here"
    hint = "/api/openapi.json tells all addresses"
    headers = dict(error.headers or {})
    return answer(request.scope, Refusal(error.status_code, title, hint=hint, headers=headers))


async def _unexpected(request: Request, error: Exception) -> Response:
    """What it was is in the log and no answer's business."""
    hint = "the service's log says why"
    return answer(request.scope, Refusal(500, f"This did not work: {type(error).__name__}", hint=hint))
