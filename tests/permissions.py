"""What people and functions may do in AWS, as READMEs show it.

The policies are made of a connector's template: whoever deploys it needs the actions of
each type of resource in it, its function's role is what it says.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["DEPLOYING", "QUERYING", "Grant", "deploying", "people", "policy", "role_rows"]

_FUNCTION = "arn:aws:lambda:REGION:ACCOUNT:function:FUNCTION"
_ROLE = "arn:aws:iam::ACCOUNT:role/STACK-FunctionRole-*"
_LOGS = "arn:aws:logs:REGION:ACCOUNT:log-group:/aws/lambda/FUNCTION"
_CATALOG = "arn:aws:athena:REGION:ACCOUNT:datacatalog/CATALOG"
_MANAGED = "arn:aws:iam::aws:policy/service-role/AWSLambda"


@dataclass(frozen=True, slots=True)
class Grant:
    """Some actions on some resources.

    Attributes:
        actions: Of one service or several.
        resources: ARNs with words in capitals for what the reader knows.
        condition: As of IAM.
    """

    actions: Sequence[str]
    resources: Sequence[str]
    condition: dict[str, dict[str, str | list[str]]] | None = None


QUERYING = (
    Grant(
        (
            "athena:GetQueryExecution",
            "athena:GetQueryResults",
            "athena:GetWorkGroup",
            "athena:StartQueryExecution",
            "athena:StopQueryExecution",
        ),
        ("arn:aws:athena:REGION:ACCOUNT:workgroup/WORKGROUP",),
    ),
    Grant(
        (
            "athena:GetDataCatalog",
            "athena:GetDatabase",
            "athena:GetTableMetadata",
            "athena:ListDatabases",
            "athena:ListTableMetadata",
        ),
        (_CATALOG,),
    ),
    Grant(("lambda:InvokeFunction",), (_FUNCTION, f"{_FUNCTION}:*")),
    Grant(("s3:GetObject",), ("arn:aws:s3:::SPILL-BUCKET/SPILL-PREFIX/*",)),
    Grant(
        ("s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"),
        ("arn:aws:s3:::RESULT-BUCKET/*",),
    ),
    Grant(
        ("s3:GetBucketLocation", "s3:ListBucket"),
        ("arn:aws:s3:::SPILL-BUCKET", "arn:aws:s3:::RESULT-BUCKET"),
    ),
)
"""What somebody needs who asks queries; the function needs nothing of it.

Source: Athena's user guide, "Allow access to Athena Federated Query", less what it allows
to write and to delete in the spill bucket.
"""

_SAM = (
    Grant(
        (
            "cloudformation:CreateChangeSet",
            "cloudformation:DeleteStack",
            "cloudformation:DescribeChangeSet",
            "cloudformation:DescribeStackEvents",
            "cloudformation:DescribeStacks",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:GetTemplateSummary",
        ),
        ("arn:aws:cloudformation:REGION:ACCOUNT:stack/STACK/*",),
    ),
    Grant(
        ("cloudformation:CreateChangeSet",),
        ("arn:aws:cloudformation:REGION:aws:transform/Serverless-2016-10-31",),
    ),
    Grant(("s3:GetObject", "s3:PutObject"), ("arn:aws:s3:::PACKAGE-BUCKET/*",)),
)
"""What ``sam deploy`` itself calls; the transform is that of each template."""

DEPLOYING: dict[str, tuple[Grant, ...]] = {
    "AWS::Serverless::Function": (
        Grant(
            (
                "lambda:CreateFunction",
                "lambda:DeleteFunction",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionRecursionConfig",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ),
            (_FUNCTION,),
        ),
        Grant(
            (
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
            ),
            ("*",),
        ),
        Grant(
            ("iam:PassRole",),
            (_ROLE,),
            {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        ),
    ),
    "AWS::Lambda::Version": (
        Grant(
            (
                "lambda:DeleteFunction",
                "lambda:GetFunctionConfiguration",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListVersionsByFunction",
                "lambda:PublishVersion",
            ),
            (_FUNCTION, f"{_FUNCTION}:*"),
        ),
    ),
    "AWS::Lambda::Alias": (
        Grant(
            (
                "lambda:CreateAlias",
                "lambda:DeleteAlias",
                "lambda:GetAlias",
                "lambda:GetProvisionedConcurrencyConfig",
                "lambda:UpdateAlias",
            ),
            (_FUNCTION, f"{_FUNCTION}:*"),
        ),
    ),
    "AWS::IAM::Role": (
        Grant(
            (
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePermissionsBoundary",
                "iam:DeleteRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ),
            (_ROLE,),
        ),
        Grant(
            ("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
            (_ROLE,),
            {
                "ArnEquals": {
                    "iam:PolicyARN": [
                        f"{_MANAGED}BasicExecutionRole",
                        f"{_MANAGED}VPCAccessExecutionRole",
                    ]
                }
            },
        ),
    ),
    "AWS::IAM::Policy": (
        Grant(("iam:DeleteRolePolicy", "iam:GetRolePolicy", "iam:PutRolePolicy"), (_ROLE,)),
    ),
    "AWS::Logs::LogGroup": (
        Grant(
            (
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:GetDataProtectionPolicy",
                "logs:ListTagsForResource",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ),
            (_LOGS, f"{_LOGS}:*"),
        ),
        Grant(
            (
                "logs:DescribeIndexPolicies",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
            ),
            ("*",),
        ),
    ),
    "AWS::Athena::DataCatalog": (
        Grant(
            (
                "athena:CreateDataCatalog",
                "athena:DeleteDataCatalog",
                "athena:GetDataCatalog",
                "athena:ListTagsForResource",
                "athena:TagResource",
                "athena:UntagResource",
                "athena:UpdateDataCatalog",
            ),
            (_CATALOG,),
        ),
    ),
}
"""What CloudFormation calls, as whoever deploys, for each type of resource.

Source: the handlers' permissions in the registry of CloudFormation, less those for what no
template has.
"""


_NOTES = """\
Words in capitals stand for names of yours: `FUNCTION` is `LambdaFunctionName`, `STACK` the
stack's name, `PACKAGE-BUCKET` what `sam deploy --s3-bucket` names, and `RESULT-BUCKET` takes
Athena's results. Athena calls the function, and reads what it spilled, as the person who
queries. With `SpillBucketKMSKeyId` that person needs `kms:Decrypt` on the key, too.

Whoever deploys decides what the function may do. Where that goes too far, allow
`iam:CreateRole` and `iam:PutRolePolicy` only with the condition `iam:PermissionsBoundary`,
and deploy with `PermissionsBoundaryARN`; or deploy with a ready `LambdaRoleARN`, which takes
no action of `iam` but `iam:PassRole` on it."""


def people(template: dict[str, Any]) -> str:
    """Return the policies of those who query and of those who deploy, for a README."""
    policies = {"Who queries": QUERYING, "Who deploys": deploying(template)}
    folded = (
        f"<details><summary>{who}</summary>\n\n```json\n{policy(grants)}\n```\n\n</details>"
        for who, grants in policies.items()
    )
    return "\n\n".join((*folded, _NOTES))


def deploying(template: dict[str, Any]) -> tuple[Grant, ...]:
    """Return what somebody needs who deploys a template, each resource's actions once.

    Raises:
        KeyError: It has a resource of a type that is not known here.
    """
    types = dict.fromkeys(resource["Type"] for resource in template["Resources"].values())
    grants = [*_SAM, *(grant for type_ in types for grant in DEPLOYING[type_])]
    merged: dict[str, Grant] = {}
    for grant in grants:
        place = json.dumps([grant.resources, grant.condition])
        known = merged[place].actions if place in merged else ()
        actions = sorted({*known, *grant.actions})
        merged[place] = Grant(actions, grant.resources, grant.condition)
    return tuple(merged.values())


def policy(grants: Iterable[Grant]) -> str:
    """Return the policy document that allows all this."""
    statements = []
    for grant in grants:
        statement: dict[str, Any] = {
            "Effect": "Allow",
            "Action": _one_or_all(grant.actions),
            "Resource": _one_or_all(grant.resources),
        }
        if grant.condition is not None:
            statement["Condition"] = grant.condition
        statements.append(statement)
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _one_or_all(items: Sequence[str]) -> str | list[str]:
    return items[0] if len(items) == 1 else list(items)


def role_rows(template: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yield what a function's role may do: action, resource, purpose and parameter."""
    for resource in template["Resources"].values():
        properties = resource["Properties"]
        policies = properties.get("Policies", ())
        if resource["Type"] == "AWS::IAM::Policy":
            policies = (properties,)
        needed = _parameters(resource.get("Condition", ""), template["Conditions"])
        for each in policies:
            for statement in each["PolicyDocument"]["Statement"]:
                places = " and ".join(f"`{_place(each)}`" for each in _all(statement["Resource"]))
                if "Condition" in statement:
                    places += f", through {_through(statement)}"
                actions = ", ".join(f"`{action}`" for action in _all(statement["Action"]))
                yield actions, places, _words(each["PolicyName"]), needed


def _all(items: Any) -> list[Any]:
    return items if isinstance(items, list) else [items]


def _place(resource: str | dict[str, str]) -> str:
    """Return a resource without what each ARN of the account begins with."""
    match resource:
        case {"Ref": parameter}:
            return f"${{{parameter}}}"
        case {"Fn::Sub": str(text)} | str(text):
            return text.replace("AWS::", "").split(":", maxsplit=5)[-1]
    raise TypeError(f"{resource!r} names no resource that is known here.")


def _through(statement: dict[str, Any]) -> str:
    service = statement["Condition"]["StringEquals"]["kms:ViaService"]["Fn::Sub"]
    return str(service).partition(".")[0]


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _parameters(condition: str, conditions: dict[str, Any]) -> str:
    """Return the parameters with which a resource is there, but for the role's own."""
    names = set(re.findall(r'"Ref": "(\w+)"', _written_out(condition, conditions)))
    return ", ".join(f"`{name}`" for name in sorted(names - {"LambdaRoleARN"}))


def _written_out(condition: str, conditions: dict[str, Any]) -> str:
    text = json.dumps(conditions.get(condition, {}))
    others = re.findall(r'"Condition": "(\w+)"', text)
    return text + "".join(_written_out(other, conditions) for other in others)
