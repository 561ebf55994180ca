"""How AWS's services speak: from a request to parameters, from a result or a refusal to an answer.

moto's own parsers and serializers do the work: they follow botocore's service models.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.serialize import XFormedAttributePicker, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

REQUEST_ID = "00000000-0000-4000-8000-000000000000"
_BOTOCORE: dict[str, ServiceModel] = {}


class Refused(Exception):
    """An error as AWS would answer it."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message or code
        self.status = status


def parameters(service: str, action: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a call in the query protocols, nested as boto3's caller wrote them."""
    model = get_service_model(service)
    operation = model.operation_model(action)
    parser = PROTOCOL_PARSERS["ec2" if service == "ec2" else "query"](operation, map_type=dict)
    said: Any = {"headers": {}, "url_params": {}}
    said |= {"method": "POST", "values": MultiDict(values), "body": "", "url_path": "/"}
    parsed: dict[str, Any] = parser.parse(said)
    return parsed


def form(service: str, action: str, params: Mapping[str, Any]) -> bytes:
    """The body that says `params` in a query protocol: the way back from `parameters`."""
    if service not in _BOTOCORE:
        _BOTOCORE[service] = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    model = _BOTOCORE[service]
    serializer = create_serializer("ec2" if service == "ec2" else "query", include_validation=False)
    said = serializer.serialize_to_request(dict(params), model.operation_model(action))
    return urlencode(said["body"]).encode()


def answer(service: str, action: str, result: Any) -> Response:
    """`result` (objects or mappings that have the model's members) as the service would say it."""
    model = get_service_model(service)
    protocol = str(model.protocol)
    serializer = get_serializer_class(service, protocol)(
        operation_model=model.operation_model(action),
        pretty_print=False,
        value_picker=XFormedAttributePicker(response_transformers={}),
    )
    said = serializer.serialize(result)
    return Response(said["body"], status=said["status_code"], headers=dict(said["headers"]))


def refusal(service: str, why: Refused, *, target: bool) -> Response:
    """`why` in the form in which `service` says its errors; `target`: the call was JSON."""
    code, message = escape(why.code), escape(why.message)
    if target:
        body = json.dumps({"__type": why.code, "message": why.message, "Message": why.message})
        kind = "application/x-amz-json-1.1"
        return Response(body, status=why.status, content_type=kind, headers={"x-amzn-ErrorType": why.code})
    if service == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
        body = f"<Response>{inner}<RequestID>{REQUEST_ID}</RequestID></Response>"
    elif service == "s3":
        inner = f"<Code>{code}</Code><Message>{message}</Message><RequestId>{REQUEST_ID}</RequestId>"
        body = f"<Error>{inner}</Error>"
    else:
        inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        body = f"<ErrorResponse>{inner}<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    declared = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return Response(declared + body, status=why.status, content_type="text/xml")
