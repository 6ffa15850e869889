"""The policies of the READMEs name actions that exist, on their resources, and suffice."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.packaging.calls import actions_needed
from tests.packaging.repository import CONNECTORS, folder_of
from tests.packaging.templates import load_template

if TYPE_CHECKING:
    from collections.abc import Iterator

UNUSED = {
    "file systems": {"elasticfilesystem:*", "s3files:*"},
    "layers and versions of objects": {"lambda:GetLayerVersion", "s3:GetObjectVersion"},
    "keys of variables and of logs": {"kms:*", "logs:*KmsKey"},
    "code signing": {
        "lambda:GetCodeSigningConfig",
        "lambda:PutFunctionCodeSigningConfig",
        "lambda:DeleteFunctionCodeSigningConfig",
    },
    "capacity of a function": {
        "lambda:PutFunctionConcurrency",
        "lambda:DeleteFunctionConcurrency",
        "lambda:PutProvisionedConcurrencyConfig",
        "lambda:DeleteProvisionedConcurrencyConfig",
        "lambda:PutFunctionScalingConfig",
        "lambda:PassCapacityProvider",
    },
    "other choices of a function": {
        "lambda:PutFunctionRecursionConfig",
        "lambda:PutRuntimeManagementConfig",
        "lambda:AssociateRuntimeAlias",
    },
    "aliases that move step by step": {"codedeploy:*"},
    "policies of users and groups": {"iam:*UserPolicy", "iam:*GroupPolicy"},
    "what else a log group may have": {
        "logs:PutDataProtectionPolicy",
        "logs:DeleteDataProtectionPolicy",
        "logs:PutIndexPolicy",
        "logs:DeleteIndexPolicy",
        "logs:PutResourcePolicy",
        "logs:DeleteResourcePolicy",
        "logs:CreateLogDelivery",
        "logs:PutLogGroupDeletionProtection",
        "logs:PutBearerTokenAuthentication",
        "firehose:*",
        "s3:REST.PUT.OBJECT",
    },
}
"""What handlers of CloudFormation may call, for properties that no template has."""
ONLY_FEDERATED = {"AWS::Athena::DataCatalog": "athena:*"}
"""Types whose handlers make other resources too, for kinds that no template has."""
TRANSLATED = {"AWS::Serverless::Function": "AWS::Lambda::Function"}
DEPLOYS_ITSELF = {"cloudformation", "s3"}
"""Services that the command for deploying calls, whatever is deployed."""

TRANSFORM = ("cloudformation:CreateChangeSet", "arn:aws:cloudformation:REGION:aws:transform/")
"""Is allowed so by the developer guide of SAM; the authorization reference leaves it out."""

each_connector = pytest.mark.parametrize("connector", CONNECTORS)


@each_connector
def test_every_action_exists_and_is_allowed_on_its_resources(connector: str) -> None:
    for statement in (each for policy in policies(connector) for each in policy["Statement"]):
        assert statement["Effect"] == "Allow"
        for action in _all(statement["Action"]):
            service, _, name = action.partition(":")
            known = _authorized()[service]
            kinds = known["Actions"][name.lower()].get("Resources", ())
            formats = [
                _pattern(text) for kind in kinds for text in _formats(known["Resources"], kind)
            ]
            for resource in _all(statement["Resource"]):
                fits = any(pattern.fullmatch(resource) for pattern in formats)
                fits |= action == TRANSFORM[0] and resource.startswith(TRANSFORM[1])
                # An action without resources is allowed on everything or not at all.
                assert fits if formats else resource == "*", (action, resource)


@each_connector
def test_who_queries_may_ask_call_and_read_and_no_more(connector: str) -> None:
    querying, _ = policies(connector)
    allowed = set(_allowed(querying))
    function = "arn:aws:lambda:REGION:ACCOUNT:function:FUNCTION"
    assert {place for action, place in allowed if action == "lambda:InvokeFunction"} == {
        function,
        f"{function}:*",
    }
    assert {action for action, place in allowed if "SPILL-BUCKET" in place} == {
        "s3:GetObject",
        "s3:ListBucket",
        "s3:GetBucketLocation",
    }
    athena = {action.partition(":")[2] for action, _ in allowed if action.startswith("athena:")}
    assert athena >= {"StartQueryExecution", "GetQueryExecution", "GetQueryResults"}
    assert athena >= {"GetDataCatalog", "GetWorkGroup"}
    assert not {action for action in athena if not action.startswith(("Get", "List", "St"))}
    assert not [place for _, place in allowed if place == "*"]


@each_connector
def test_who_deploys_may_make_every_resource_and_no_other(connector: str) -> None:
    template = load_template(connector)
    _, deploying = policies(connector)
    allowed = {action for action, _ in _allowed(deploying)}
    types = {resource["Type"] for resource in template["Resources"].values()}
    called = {type_: set(_called(TRANSLATED.get(type_, type_))) for type_ in types}
    needed = {
        type_: {action for action in actions if not _unused(action)}
        for type_, actions in called.items()
    }
    missing = {type_: actions - allowed for type_, actions in needed.items()}
    assert all(needed.values())
    assert {type_: actions for type_, actions in missing.items() if actions} == {}
    own = {action for action in allowed if action.partition(":")[0] not in DEPLOYS_ITSELF}
    assert own - set().union(*called.values()) == set()


@each_connector
def test_who_deploys_may_pass_the_role_to_functions_only(connector: str) -> None:
    _, deploying = policies(connector)
    (statement,) = [each for each in deploying["Statement"] if "iam:PassRole" in each["Action"]]
    assert statement["Action"] == "iam:PassRole"
    passed = {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}}
    assert statement["Condition"] == passed
    (statement,) = [
        each for each in deploying["Statement"] if "iam:AttachRolePolicy" in each["Action"]
    ]
    role = load_template(connector)["Resources"]["FunctionRole"]["Properties"]
    attached = re.findall(r"policy/[\w/-]+", json.dumps(role["ManagedPolicyArns"]))
    named = re.findall(r"policy/[\w/-]+", json.dumps(statement["Condition"]))
    assert sorted(attached) == sorted(named)


@each_connector
def test_the_table_of_the_role_names_all_that_the_code_calls(connector: str) -> None:
    shown = set(re.findall(r"`([\w-]+:\w+)`", _part(connector, "role")))
    function = load_template(connector)["Resources"]["ConnectorFunction"]["Properties"]
    assert actions_needed(connector, function["Environment"]["Variables"]) <= shown


def policies(connector: str) -> list[dict[str, Any]]:
    """Return the policies of the README: who queries, who deploys."""
    blocks = re.findall(
        r"^```json\n(.*?)^```$", _part(connector, "permissions"), re.DOTALL | re.MULTILINE
    )
    found = [json.loads(block) for block in blocks]
    assert [policy["Version"] for policy in found] == ["2012-10-17"] * 2
    return found


def _part(connector: str, kind: str) -> str:
    name = f"{connector}-{kind}"
    (text,) = [
        found
        for path in folder_of(connector).glob("*.md")
        for found in re.findall(
            rf"<!-- begin {name} -->\n(.*?)<!-- end {name} -->", path.read_text("utf-8"), re.DOTALL
        )
    ]
    return str(text)


def _allowed(policy: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for statement in policy["Statement"]:
        for action in _all(statement["Action"]):
            for resource in _all(statement["Resource"]):
                yield action, resource


def _all(items: str | list[str]) -> list[str]:
    return [items] if isinstance(items, str) else items


def _unused(action: str) -> bool:
    return any(fnmatchcase(action, each) for some in UNUSED.values() for each in some)


def _called(type_: str) -> Iterator[str]:
    """Yield what CloudFormation calls to make, change, look at and delete a resource."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_).schema["handlers"]
    for kind in set(handlers) - {"list"}:
        for action in handlers[kind]["permissions"]:
            if fnmatchcase(action, ONLY_FEDERATED.get(type_, "*")):
                yield action


@cache
def _authorized() -> dict[str, Any]:
    """Return IAM's services with their actions and resources."""
    path = resources.files("cfnlint") / "data/AdditionalSpecs/Policies.json"
    services: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return services


def _formats(kinds: dict[str, Any], kind: str) -> list[str]:
    formats: list[str] = kinds[kind.lower()]["ARNFormats"]
    return formats


def _pattern(arn: str) -> re.Pattern[str]:
    """Return a pattern of an ARN in which some fields are variables."""
    return re.compile(re.sub(r"\$\{\w+\}", "[^:]*", arn))
