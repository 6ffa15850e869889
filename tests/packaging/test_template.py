"""Each template deploys, names only what the code knows, and allows only what it calls."""

from __future__ import annotations

import ast
import importlib
import io
import itertools
import json
import os
import subprocess
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from athena_connectors.common.config import SpillSettings, describe_settings
from athena_connectors.common.testing.aws import aws_server
from botocore import xform_name
from cfnlint.api import lint_file  # type: ignore[import-untyped]
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from tests.packaging.repository import CONNECTORS, ROOT, folder_of, sam, template_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.aws import AwsAddress

ACCOUNT = "123456789012"

OTHER_ACTIONS = {"s3:HeadBucket": "s3:ListBucket", "s3:ListObjectsV2": "s3:ListBucket"}
"""Operations that IAM knows under another name."""
REPEATS = {ROOT / "common/src/athena_connectors/common/health.py"}
"""Tries out what other modules call, as far as settings name it."""
SIGNED_HERE = {"generate_db_auth_token": "rds-db:connect"}
"""Methods that call nothing and make what another service checks."""

JAVA_PARAMETERS = {
    "DefaultConnectionString",
    "DefaultScale",
    "DisableSpillEncryption",
    "LambdaFunctionName",
    "LambdaMemory",
    "LambdaRoleARN",
    "LambdaTimeout",
    "PermissionsBoundaryARN",
    "SecretNamePrefix",
    "SecurityGroupIds",
    "SpillBucket",
    "SpillPrefix",
    "SubnetIds",
}
"""Of the Java connector for PostgreSQL, less the choice of one of its classes."""

REQUIRED = {"LambdaFunctionName": "orders", "SpillBucket": "spilled"}
ALWAYS = {
    ("s3:ListBucket", "arn:aws:s3:::spilled"),
    ("s3:PutObject", "arn:aws:s3:::spilled/athena-spill/*"),
    ("athena:GetQueryExecution", f"arn:aws:athena:eu-west-1:{ACCOUNT}:workgroup/*"),
}
BY_PARAMETER = {
    "SecretNamePrefix": {
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:value*",
        )
    },
    "SecretKMSKeyId": {("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value")},
    "KMSKeyId": {
        ("kms:GenerateRandom", "*"),
        ("kms:GenerateDataKey", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value"),
    },
    "SpillBucketKMSKeyId": {
        ("kms:GenerateDataKey", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value"),
    },
    "GlueConnection": {
        ("glue:GetConnection", f"arn:aws:glue:eu-west-1:{ACCOUNT}:catalog"),
        ("glue:GetConnection", f"arn:aws:glue:eu-west-1:{ACCOUNT}:connection/value"),
    },
    "RdsDbUserResource": {
        ("rds-db:connect", f"arn:aws:rds-db:eu-west-1:{ACCOUNT}:dbuser:value"),
    },
}
_numbers = itertools.count()

Template = dict[str, Any]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsAddress]:
    """Stand-ins of CloudFormation, IAM and Lambda, with a bucket of code."""
    with aws_server() as address:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "")
        address.create_bucket("code")
        address.client("s3").put_object(Bucket="code", Key="code.zip", Body=code.getvalue())
        yield address


def _template(connector: str) -> Template:
    text = json.dumps(cfn_yaml.load(str(template_of(connector))))
    template: Template = json.loads(text)
    return template


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
    application = _template(connector)["Metadata"]["AWS::ServerlessRepo::Application"]
    assert (folder / application["LicenseUrl"]).is_file()
    assert (folder / application["ReadmeUrl"]).is_file()
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert application["SemanticVersion"] == project["version"]


@pytest.mark.parametrize("connector", CONNECTORS)
def test_environment_names_only_what_the_code_knows(connector: str) -> None:
    properties = _template(connector)["Resources"]["ConnectorFunction"]["Properties"]
    package = f"athena_connectors.{connector.replace('-', '_')}"
    settings = importlib.import_module(f"{package}.settings").Settings
    declared = describe_settings(settings) + describe_settings(SpillSettings)
    known = {setting.name for setting in declared} | _variables_read(connector)
    assert set(properties["Environment"]["Variables"]) <= known


@pytest.mark.parametrize("connector", CONNECTORS)
def test_allows_exactly_what_the_code_calls(connector: str) -> None:
    statements = list(_statements(_template(connector)))
    function = _template(connector)["Resources"]["ConnectorFunction"]["Properties"]
    called = _actions_called(connector)
    if "glue_connection" not in function["Environment"]["Variables"]:
        called -= {"glue:GetConnection"}  # the setting makes the call
    # What a service does for the function with a key of the user's is called by no code.
    own = [statement for statement in statements if "Condition" not in statement]
    through = [statement for statement in statements if "Condition" in statement]
    assert {statement["Action"] for statement in own} == called
    assert all("kms:ViaService" in json.dumps(statement["Condition"]) for statement in through)
    wide = {statement["Action"] for statement in statements if statement["Resource"] == "*"}
    assert wide <= {"kms:GenerateRandom"}


def test_takes_the_parameters_of_the_java_connector() -> None:
    parameters = _template("jdbc-postgres")["Parameters"]
    assert set(parameters) >= JAVA_PARAMETERS
    assert {name for name, facts in parameters.items() if "Default" not in facts} == set(REQUIRED)


@pytest.mark.parametrize("parameter", [None, *BY_PARAMETER])
def test_a_parameter_brings_its_permissions(aws: AwsAddress, parameter: str | None) -> None:
    parameters = REQUIRED if parameter is None else {**REQUIRED, parameter: "value"}
    stack = _deploy(aws, parameters)
    assert _granted(aws, stack) == ALWAYS | BY_PARAMETER.get(parameter or "", set())


def test_own_role_replaces_all_of_ours(aws: AwsAddress) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/own"
    aws.client("iam").create_role(RoleName="own", AssumeRolePolicyDocument="{}")
    everything = {**REQUIRED, **dict.fromkeys(BY_PARAMETER, "value"), "LambdaRoleARN": role}
    stack = _deploy(aws, everything)
    assert set(_resources(aws, stack)) == {"ConnectorFunction"}
    assert _configuration(aws, stack)["Role"] == role


def test_permissions_boundary_bounds_the_role(aws: AwsAddress) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    stack = _deploy(aws, {**REQUIRED, "PermissionsBoundaryARN": boundary})
    role = aws.client("iam").get_role(RoleName=_resources(aws, stack)["FunctionRole"])["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_parameters_become_settings(aws: AwsAddress) -> None:
    given = {
        "DefaultConnectionString": "postgres://jdbc:postgresql://h/d?${s}",
        "DefaultScale": "4",
        "DisableSpillEncryption": "true",
        "SpillPrefix": "prefix",
        "LambdaTimeout": "60",
        "LambdaMemory": "512",
    }
    configuration = _configuration(aws, _deploy(aws, {**REQUIRED, **given}))
    variables = configuration["Environment"]["Variables"]
    assert {name: str(value) for name, value in variables.items()} == {
        "default": given["DefaultConnectionString"],
        "default_scale": "4",
        "spill_bucket": "spilled",
        "spill_prefix": "prefix",
        "disable_spill_encryption": "true",
        "POWERTOOLS_SERVICE_NAME": configuration["FunctionName"],
        "POWERTOOLS_METRICS_NAMESPACE": "AthenaConnectors",
    }
    assert (configuration["Timeout"], configuration["MemorySize"]) == (60, 512)


def test_subnets_put_the_function_into_a_vpc(aws: AwsAddress) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    given = {**REQUIRED, "SubnetIds": ",".join(subnets), "SecurityGroupIds": group}
    placed = _configuration(aws, _deploy(aws, given))["VpcConfig"]
    assert sorted(placed["SubnetIds"]) == sorted(subnets)
    assert placed["SecurityGroupIds"] == [group]


def _deploy(aws: AwsAddress, parameters: dict[str, str]) -> str:
    """Deploy the template of jdbc-postgres as SAM would translate it; return the stack."""
    template = _template("jdbc-postgres")
    del template["Transform"]
    function = template["Resources"]["ConnectorFunction"]
    function["Type"] = "AWS::Lambda::Function"
    del function["Metadata"], function["Properties"]["CodeUri"]
    function["Properties"]["Code"] = {"S3Bucket": "code", "S3Key": "code.zip"}
    stack = f"stack{next(_numbers)}"
    parameters = {**parameters, "LambdaFunctionName": stack}
    aws.client("cloudformation").create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
    )
    return stack


def _resources(aws: AwsAddress, stack: str) -> dict[str, str]:
    found = aws.client("cloudformation").list_stack_resources(StackName=stack)
    return {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in found["StackResourceSummaries"]
        if each["PhysicalResourceId"]  # moto lists what a condition ruled out, too
    }


def _configuration(aws: AwsAddress, stack: str) -> dict[str, Any]:
    configuration: dict[str, Any] = aws.client("lambda").get_function_configuration(
        FunctionName=_resources(aws, stack)["ConnectorFunction"]
    )
    return configuration


def _granted(aws: AwsAddress, stack: str) -> set[tuple[str, str]]:
    """Return what the inline policies of the stack's role allow."""
    iam = aws.client("iam")
    role = _resources(aws, stack)["FunctionRole"]
    granted = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        if isinstance(document, str):  # moto keeps a role's own ones as Python text
            document = ast.literal_eval(document)
        for statement in document["Statement"]:
            resources = statement["Resource"]
            for resource in [resources] if isinstance(resources, str) else resources:
                granted.add((statement["Action"], resource))
    return granted


def _statements(template: Template) -> Iterator[dict[str, Any]]:
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        if resource["Type"] == "AWS::IAM::Policy":
            yield from properties["PolicyDocument"]["Statement"]
        for policy in properties.get("Policies", ()):
            yield from policy["PolicyDocument"]["Statement"]


def _nodes(connector: str) -> Iterator[ast.AST]:
    """Yield the syntax of every module that the connector's entry may load, later ones too."""
    sources = (ROOT / "common/src", folder_of(connector) / "src")
    waiting, seen = [f"athena_connectors.{connector.replace('-', '_')}.app"], set()
    while waiting:
        place = waiting.pop().replace(".", "/")
        names = (f"{place}.py", f"{place}/__init__.py")
        for path in (source / name for source in sources for name in names):
            if path in seen or path in REPEATS or not path.exists():
                continue
            seen.add(path)
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            for node in nodes:
                if isinstance(node, ast.ImportFrom):
                    waiting += [str(node.module), *(f"{node.module}.{n.name}" for n in node.names)]
            yield from nodes


def _variables_read(connector: str) -> set[str]:
    """Return the variables that are read by ``environ.get("NAME")``."""
    return {
        argument.value
        for node in _nodes(connector)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).endswith("environ.get")
        and isinstance(argument := node.args[0], ast.Constant)
        and isinstance(argument.value, str)
    }


def _actions_called(connector: str) -> set[str]:
    """Return the IAM actions of every method of an AWS client that the modules name."""
    nodes = list(_nodes(connector))
    session = botocore.session.get_session()
    actions = dict(SIGNED_HERE)
    for service in {name for node in nodes for name in _client_of(node)}:
        for operation in session.get_service_model(service).operation_names:
            action = f"{service}:{operation}"
            actions[xform_name(operation)] = OTHER_ACTIONS.get(action, action)
    return {
        actions[node.attr]
        for node in nodes
        if isinstance(node, ast.Attribute)
        and node.attr in actions
        and "client" in ast.unparse(node.value)
    }


def _client_of(node: ast.AST) -> list[str]:
    """Return the service in ``….client("service")`` or ``….create_client("service")``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return []
    if node.func.attr not in {"client", "create_client"} or not node.args:
        return []
    argument = node.args[0]
    return [str(argument.value)] if isinstance(argument, ast.Constant) else []
