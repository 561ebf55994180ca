"""What /api/openapi.json says is what happens: judged by schemathesis, as who may read and as who may run."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from tests.web_api.worlds import DRILL, MACHINE, WAITING, ApiStand, a_lease
from tests.web_safety.serving import served
from tests.web_safety.visitors import Visitor

Case = schemathesis.Case[Any]
EXAMPLES = 12  # of each operation, kind of data and person
REAL = {"database": "shop", "drill": DRILL, "task": WAITING, "machine": MACHINE}


@pytest.fixture
def url(stand: ApiStand) -> Iterator[str]:
    with served(stand.app) as port:
        yield f"http://127.0.0.1:{port}"


def test_it_is_an_openapi_document(reed: Visitor) -> None:
    document = reed.get("/api/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    assert len(document["paths"]) == 16


@pytest.mark.parametrize(("name", "password"), [("anna", "correct horse"), ("reed", "only looking")])
def test_nothing_happens_that_it_does_not_say(stand: ApiStand, url: str, name: str, password: str) -> None:
    visitor = Visitor(stand.app, url)
    visitor.sign_in(name, password)
    token = visitor.get("/api/session").json()["token"]
    cookies = {"restoredrill": visitor.cookies["restoredrill"]}
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", cookies=cookies)
    judged: Counter[str] = Counter()

    def judge(case: Case) -> None:
        stand.world.machines.alive = (a_lease(),)
        answer = case.call(cookies=cookies, headers={"X-CSRF-Token": token})
        judged[f"{case.method} {answer.status_code}"] += 1
        case.validate_response(answer)

    def judge_real(case: Case) -> None:
        case.path_parameters = {part: REAL[part] for part in case.path_parameters}
        judge(case)

    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        _all(found.ok(), GenerationMode.POSITIVE, judge_real)
        _all(found.ok(), GenerationMode.POSITIVE, judge)
        _all(found.ok(), GenerationMode.NEGATIVE, judge)
    assert judged["GET 200"] > 50
    assert judged["POST 202" if name == "anna" else "POST 403"] > 10
    assert judged["GET 400"] > 20


def _all(operation: Any, mode: GenerationMode, judge: Callable[[Case], None]) -> None:
    if mode is GenerationMode.NEGATIVE and not _has_parts(operation.definition.raw):
        return  # nothing can be wrong in it
    made = given(case=operation.as_strategy(generation_mode=mode))(judge)
    settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )(made)()


def _has_parts(described: dict[str, Any]) -> bool:
    return bool(described["parameters"]) or "requestBody" in described
