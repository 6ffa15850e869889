"""Each template lints, names only what the code knows, and allows only what it calls."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.access.gate import AccessSettings
from athena_connectors.common.budgets import BudgetSettings
from athena_connectors.common.config import SpillSettings, describe_settings
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from tests.packaging.calls import (
    actions_called,
    actions_needed,
    package_of,
    services_called,
    variables_read,
)
from tests.packaging.repository import CONNECTORS, folder_of, sam, template_of
from tests.packaging.templates import load_template, resources_of, role_statements

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

JAVA_PARAMETERS = {
    "DisableSpillEncryption",
    "LambdaFunctionName",
    "LambdaMemory",
    "LambdaRoleARN",
    "LambdaTimeout",
    "PermissionsBoundaryARN",
    "SpillBucket",
    "SpillPrefix",
}
"""Of all Java connectors; some call the first and the third otherwise."""
OWN_JAVA_PARAMETERS = {
    "cloudwatch-logs": set[str](),
    "documentdb": {
        "DocDBConnectionString",
        "SecretNameOrPrefix",
        "SecurityGroupIds",
        "SubnetIds",
    },
    "dynamodb": set[str](),
    "jdbc-mysql": {
        "DefaultConnectionString",
        "SecretNamePrefix",
        "SecurityGroupIds",
        "SubnetIds",
    },
    "jdbc-postgres": {
        "DefaultConnectionString",
        "DefaultScale",
        "SecretNamePrefix",
        "SecurityGroupIds",
        "SubnetIds",
    },
}
"""Of the Java connector for the same source, less the choice of one of its classes."""
WITHOUT_RESOURCE = {
    "dynamodb:ListTables",
    "kms:GenerateRandom",
    "logs:DescribeLogGroups",
    "logs:ListLogGroups",
    "logs:StopQuery",
}
"""Actions that are allowed on everything or not at all."""
OWN = {"Description", "Handler", "location"}
"""What each connector has to say for itself, in the words of the template's own template."""
FUNCTION = "orders"


@pytest.mark.parametrize("connector", CONNECTORS)
def test_lints(connector: str, tmp_path: Path) -> None:
    template = template_of(connector)
    command = [sam(), "validate", "--lint", "--template", str(template)]
    # No region, no credentials, no telemetry, no folder of its own in the home.
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "SAM_CLI_TELEMETRY": "0"}
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert lint_file(template) == []


@pytest.mark.parametrize("connector", CONNECTORS)
def test_publishes_files_and_version_that_exist(connector: str) -> None:
    folder = folder_of(connector)
    application = load_template(connector)["Metadata"]["AWS::ServerlessRepo::Application"]
    assert (folder / application["LicenseUrl"]).is_file()
    assert (folder / application["ReadmeUrl"]).is_file()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert application["SemanticVersion"] == project["version"]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_has_all_that_the_template_of_connectors_has(connector: str) -> None:
    own = dict(_leaves(load_template(connector)))
    assert len(own) > 200
    missing = [
        f"{'.'.join(path)}: {value}"
        for path, value in _leaves(load_template("template"))
        if own.get(path) != value
        and not OWN.intersection(path)
        and not any("Source" in name for name in path)
    ]
    assert missing == []


def _leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield what parameters, conditions, resources and outputs say, and where."""
    if isinstance(node, list):
        node = {_name(each) or str(place): each for place, each in enumerate(node)}
    if not isinstance(node, dict):
        yield path, node
        return
    for name, each in node.items():
        if path or name in {"Parameters", "Conditions", "Resources", "Outputs"}:
            yield from _leaves(each, (*path, name))


def _name(item: Any) -> str:
    return str(item.get("PolicyName", "")) if isinstance(item, dict) else ""


@pytest.mark.parametrize("connector", CONNECTORS)
def test_takes_the_parameters_of_the_java_connector(connector: str) -> None:
    parameters = load_template(connector)["Parameters"]
    own = OWN_JAVA_PARAMETERS.get(connector)
    assert set(parameters) >= JAVA_PARAMETERS | (own or set())
    needed = {name for name, facts in parameters.items() if "Default" not in facts}
    assert needed >= {"LambdaFunctionName", "SpillBucket"}
    # Whoever has the Java connector's parameters can deploy with them.
    assert own is None or needed <= JAVA_PARAMETERS | own


@pytest.mark.parametrize("connector", CONNECTORS)
def test_environment_names_only_what_the_code_knows(connector: str) -> None:
    properties = load_template(connector)["Resources"]["ConnectorFunction"]["Properties"]
    settings = importlib.import_module(f"{package_of(connector)}.settings").Settings
    shared = [
        item
        for each in (AccessSettings, BudgetSettings, SpillSettings)
        for item in describe_settings(each)
    ]
    declared = describe_settings(settings) + shared
    known = {setting.name for setting in declared} | variables_read(connector)
    assert set(properties["Environment"]["Variables"]) <= known


@pytest.mark.parametrize("connector", CONNECTORS)
def test_allows_exactly_what_the_code_calls(connector: str) -> None:
    template = load_template(connector)
    statements = list(role_statements(template))
    function = template["Resources"]["ConnectorFunction"]["Properties"]
    called = actions_needed(connector, function["Environment"]["Variables"])
    # What a service does for the function with a key of the user's is called by no code.
    own = [statement for statement in statements if "Condition" not in statement]
    through = [statement for statement in statements if "Condition" in statement]
    assert {action for statement in own for action in _actions(statement)} == called
    assert all("kms:ViaService" in json.dumps(statement["Condition"]) for statement in through)
    wide = [statement for statement in statements if statement["Resource"] == "*"]
    assert {action for each in wide for action in _actions(each)} <= WITHOUT_RESOURCE
    assert all(statement["Effect"] == "Allow" for statement in statements)


def _actions(statement: dict[str, Any]) -> list[str]:
    actions = statement["Action"]
    return [actions] if isinstance(actions, str) else actions


@pytest.mark.parametrize("connector", CONNECTORS)
def test_calls_of_every_client_are_found(connector: str) -> None:
    # A client under a name without the word would call what the policies need not allow.
    assert set(actions_called(connector).values()) == services_called(connector)


@pytest.mark.parametrize("connector", CONNECTORS)
def test_logs_are_left_to_lambda_or_kept_for_some_days(connector: str) -> None:
    template = load_template(connector)
    left = resources_of(template, {"LambdaFunctionName": FUNCTION})
    assert "LogGroup" not in left
    assert "LoggingConfig" not in left["ConnectorFunction"]
    given = {"LambdaFunctionName": FUNCTION, "LogRetentionDays": "30"}
    kept = resources_of(template, given)
    assert kept["LogGroup"] == {"LogGroupName": f"/aws/lambda/{FUNCTION}", "RetentionInDays": "30"}
    assert kept["ConnectorFunction"]["LoggingConfig"] == {"LogGroup": "LogGroup"}
    properties = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Logs::LogGroup")
    days = properties.schema["properties"]["RetentionInDays"]["enum"]
    assert template["Parameters"]["LogRetentionDays"]["AllowedValues"] == [0, *days]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_snapstart_keeps_a_version_that_athena_calls(connector: str) -> None:
    template = load_template(connector)
    named = {"LambdaFunctionName": FUNCTION, "DataCatalogName": "shop"}
    plain = resources_of(template, named)
    assert not {"PublishedVersion", "SnapStartAlias"} & set(plain)
    assert "SnapStart" not in plain["ConnectorFunction"]
    assert plain["DataCatalog"]["Parameters"] == {"function": "ConnectorFunction.Arn"}
    ready = resources_of(template, {**named, "SnapStartVersion": "second"})
    assert ready["ConnectorFunction"]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    # The version is replaced, and so published anew, when the name is another one.
    assert ready["PublishedVersion"]["Description"] == "second"
    assert ready["SnapStartAlias"]["FunctionVersion"] == "PublishedVersion.Version"
    assert ready["DataCatalog"]["Parameters"] == {"function": "SnapStartAlias"}
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", "AWS::Lambda::Version").schema
    assert "/properties/Description" in schema["createOnlyProperties"]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_catalog_is_registered_where_it_has_a_name(connector: str) -> None:
    template = load_template(connector)
    assert "DataCatalog" not in resources_of(template, {"LambdaFunctionName": FUNCTION})
    named = resources_of(template, {"LambdaFunctionName": FUNCTION, "DataCatalogName": "shop"})
    assert (named["DataCatalog"]["Name"], named["DataCatalog"]["Type"]) == ("shop", "LAMBDA")
