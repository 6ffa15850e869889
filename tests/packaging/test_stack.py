"""What parameters of a template make of a stack, as stand-ins of AWS deploy it."""

from __future__ import annotations

import ast
import io
import itertools
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from athena_connectors.common.testing.aws import aws_server

from tests.packaging.repository import CONNECTORS
from tests.packaging.templates import load_template

if TYPE_CHECKING:
    from collections.abc import Iterator

    from athena_connectors.common.testing.aws import AwsAddress

ACCOUNT = "123456789012"
ALWAYS = {
    ("s3:ListBucket", "arn:aws:s3:::needed"),
    ("s3:PutObject", "arn:aws:s3:::needed/athena-spill/*"),
    ("athena:GetQueryExecution", f"arn:aws:athena:eu-west-1:{ACCOUNT}:workgroup/*"),
}
ROLE = "arn:aws:iam::210987654321:role/tables"
SECRETS = {
    ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:value*")
}
BY_PARAMETER = {
    "AccessPolicy": {
        ("s3:GetObject", "arn:aws:s3:::value"),
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:eu-west-1:{ACCOUNT}:secret:-??????",
        ),
    },
    "SecretNameOrPrefix": SECRETS,
    "SecretNamePrefix": SECRETS,
    "SecretKMSKeyId": {("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value")},
    "SourceKMSKeyId": {("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value")},
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
    "TableKMSKeyId": {("kms:Decrypt", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/value")},
    "CrossAccountRoleArn": {("sts:AssumeRole", ROLE)},
    "IncludeLinkedAccounts": {
        (f"logs:{action}", f"arn:aws:logs:*:*:log-group:*{streams}")
        for action in (
            "DescribeLogStreams",
            "FilterLogEvents",
            "GetLogEvents",
            "GetQueryResults",
            "StartQuery",
        )
        for streams in ("", ":*")
    },
    "SchemaFile": {("s3:GetObject", "arn:aws:s3:::value")},
    "RdsDbUserResource": {
        ("rds-db:connect", f"arn:aws:rds-db:eu-west-1:{ACCOUNT}:dbuser:value"),
    },
}
"""What the role may do beyond ``ALWAYS`` once a parameter has a value."""
_numbers = itertools.count()

each_connector = pytest.mark.parametrize("connector", CONNECTORS)


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


@each_connector
def test_the_role_may_spill_and_ask_for_the_query(aws: AwsAddress, connector: str) -> None:
    assert _granted(aws, _deploy(aws, connector)) >= ALWAYS


@pytest.mark.parametrize(
    ("connector", "parameter"),
    [
        (connector, parameter)
        for connector in CONNECTORS
        for parameter in load_template(connector)["Parameters"]
        if parameter in BY_PARAMETER
    ],
)
def test_a_parameter_brings_its_permissions(
    aws: AwsAddress, connector: str, parameter: str
) -> None:
    plain = _granted(aws, _deploy(aws, connector))
    value = ROLE if parameter == "CrossAccountRoleArn" else "value"
    more = _granted(aws, _deploy(aws, connector, {parameter: value}))
    assert (plain - more, more - plain) == (set(), BY_PARAMETER[parameter])


@each_connector
def test_every_policy_with_a_condition_is_tried(connector: str) -> None:
    resources = load_template(connector)["Resources"].values()
    tried = [name for name in load_template(connector)["Parameters"] if name in BY_PARAMETER]
    assert len(tried) == sum(each["Type"] == "AWS::IAM::Policy" for each in resources)


@each_connector
def test_own_role_replaces_all_of_ours(aws: AwsAddress, connector: str) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/own-of-{connector}"
    name = role.rpartition("/")[2]
    aws.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")
    everything = dict.fromkeys(
        set(BY_PARAMETER) & set(load_template(connector)["Parameters"]), ROLE
    )
    stack = _deploy(aws, connector, {**everything, "LambdaRoleARN": role})
    assert set(_resources(aws, stack)) == {"ConnectorFunction"}
    assert _configuration(aws, stack)["Role"] == role


@each_connector
def test_permissions_boundary_bounds_the_role(aws: AwsAddress, connector: str) -> None:
    boundary = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
    stack = _deploy(aws, connector, {"PermissionsBoundaryARN": boundary})
    role = aws.client("iam").get_role(RoleName=_resources(aws, stack)["FunctionRole"])["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "lambda.amazonaws.com"}


@each_connector
def test_logs_are_kept_for_the_days_that_are_said(aws: AwsAddress, connector: str) -> None:
    stack = _deploy(aws, connector, {"LogRetentionDays": "14"})
    (group,) = aws.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/{stack}")[
        "logGroups"
    ]
    assert (group["logGroupName"], group["retentionInDays"]) == (f"/aws/lambda/{stack}", 14)
    without = _resources(aws, _deploy(aws, connector))
    assert "LogGroup" not in without


@each_connector
def test_parameters_become_settings(aws: AwsAddress, connector: str) -> None:
    given = {
        "DisableSpillEncryption": "true",
        "SpillPrefix": "prefix",
        "LambdaTimeout": "60",
        "LambdaMemory": "512",
    }
    configuration = _configuration(aws, _deploy(aws, connector, given))
    variables = configuration["Environment"]["Variables"]
    shared = {
        "spill_bucket": "needed",
        "spill_prefix": "prefix",
        "disable_spill_encryption": "true",
        "POWERTOOLS_SERVICE_NAME": configuration["FunctionName"],
        "POWERTOOLS_METRICS_NAMESPACE": "AthenaConnectors",
    }
    assert {name: variables.get(name) for name in shared} == shared
    assert "kms_key_id" not in variables
    assert (configuration["Timeout"], configuration["MemorySize"]) == (60, 512)


def test_parameters_of_cloudwatch_logs_become_settings(aws: AwsAddress) -> None:
    given = {"LogGroupNames": "/shop/*", "IncludeLinkedAccounts": "true", "MaxSplits": "3"}
    configuration = _configuration(aws, _deploy(aws, "cloudwatch-logs", given))
    variables = configuration["Environment"]["Variables"]
    assert variables["log_group_include"] == "/shop/*"
    assert variables["include_linked_accounts"] == "true"
    assert (str(variables["max_splits"]), variables["extra_columns"]) == ("3", "true")
    assert not {"logs_region", "cross_account_role_arn"} & set(variables)


def test_parameters_of_documentdb_become_settings(aws: AwsAddress) -> None:
    string = "mongodb://${s}@h/?tls=true"
    given = {"DocDBConnectionString": string, "TLSCAFile": "/opt/own.pem", "MaxSplits": "3"}
    variables = _configuration(aws, _deploy(aws, "documentdb", given))["Environment"]["Variables"]
    assert (variables["default_docdb"], variables["tls_ca_file"]) == (string, "/opt/own.pem")
    assert (str(variables["max_splits"]), variables["disable_glue"]) == ("3", "false")
    assert not {"glue_connection", "schema_file"} & set(variables)
    given = {"GlueConnection": "docdb", "SchemaFile": "b/schema.json"}
    variables = _configuration(aws, _deploy(aws, "documentdb", given))["Environment"]["Variables"]
    assert variables["glue_connection"] == "docdb"
    assert variables["schema_file"] == "s3://b/schema.json"
    assert not {"default_docdb", "tls_ca_file"} & set(variables)


@pytest.mark.parametrize("connector", ["jdbc-mysql", "jdbc-postgres"])
def test_parameters_of_sql_connectors_become_settings(aws: AwsAddress, connector: str) -> None:
    string = "engine://jdbc:protocol://h/d?${s}"
    given = {"DefaultConnectionString": string}
    variables = _configuration(aws, _deploy(aws, connector, given))["Environment"]["Variables"]
    assert variables["default"] == string
    assert "glue_connection" not in variables
    given = {"GlueConnection": "db"}
    variables = _configuration(aws, _deploy(aws, connector, given))["Environment"]["Variables"]
    assert variables["glue_connection"] == "db"
    assert "default" not in variables


def test_scale_of_postgres_becomes_a_setting(aws: AwsAddress) -> None:
    deployed = _configuration(aws, _deploy(aws, "jdbc-postgres", {"DefaultScale": "4"}))
    assert str(deployed["Environment"]["Variables"]["default_scale"]) == "4"


@each_connector
def test_subnets_put_the_function_into_a_vpc(aws: AwsAddress, connector: str) -> None:
    ec2 = aws.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{number}.0/24")["Subnet"]["SubnetId"]
        for number in range(2)
    ]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    given = {"SubnetIds": ",".join(subnets), "SecurityGroupIds": group}
    stack = _deploy(aws, connector, given)
    placed = _configuration(aws, stack)["VpcConfig"]
    assert sorted(placed["SubnetIds"]) == sorted(subnets)
    assert placed["SecurityGroupIds"] == [group]


def _deploy(aws: AwsAddress, connector: str, parameters: dict[str, str] | None = None) -> str:
    """Deploy a template as SAM would translate it; return the stack, which names the function.

    Parameters that have to be given are ``needed``.
    """
    template = load_template(connector)
    del template["Transform"]
    function = template["Resources"]["ConnectorFunction"]
    function["Type"] = "AWS::Lambda::Function"
    del function["Metadata"], function["Properties"]["CodeUri"]
    function["Properties"]["Code"] = {"S3Bucket": "code", "S3Key": "code.zip"}
    stack = f"stack{next(_numbers)}"
    needed = {name for name, facts in template["Parameters"].items() if "Default" not in facts}
    given = {**dict.fromkeys(needed, "needed"), **(parameters or {}), "LambdaFunctionName": stack}
    aws.client("cloudformation").create_stack(
        StackName=stack,
        TemplateBody=json.dumps(template),
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in given.items()
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
            actions, resources = statement["Action"], statement["Resource"]
            for action in [actions] if isinstance(actions, str) else actions:
                for resource in [resources] if isinstance(resources, str) else resources:
                    granted.add((action, resource))
    return granted
