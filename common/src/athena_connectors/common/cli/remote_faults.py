"""What to do about the errors of a deployed function that are Lambda's and not its own.

A connector's own error says in its text what to do.

Source: AWS Lambda, "Troubleshoot issues in Lambda" and the errors of the Invoke API.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from athena_connectors.common import errors

if TYPE_CHECKING:
    from athena_connectors.common.testing.engine_errors import RemoteError

__all__ = ["fix_of"]

_FIXES = {
    r"Runtime\.(ImportModuleError|HandlerNotFound|MalformedHandlerName)": (
        "Build the package again (make build-CONNECTOR) for the function's Python version and"
        " architecture, deploy it, and set Handler to athena_connectors.PACKAGE.app.handler."
    ),
    r"Sandbox\.Timedout|Task timed out": (
        "If so small a request takes that long, the function reaches neither its source nor AWS:"
        " check its subnets, security groups, route tables and VPC endpoints, and that its"
        " timeout is more than a few seconds."
    ),
    r"Runtime\.(ExitError|OutOfMemory)|signal: killed": (
        "Raise the function's memory (LambdaMemory of the template), and look at its log."
    ),
    r"KMS(AccessDenied|Disabled|InvalidState|NotFound)Exception": (
        "Lambda can't decrypt the function's variables: enable their KMS key and allow"
        " kms:Decrypt on it to the function's role."
    ),
    r"ENILimitReached|SubnetIPAddressLimit|EC2\w*Exception|Invalid(Subnet|SecurityGroup)ID": (
        "Lambda can't place the function in its VPC: check SubnetIds and SecurityGroupIds, free"
        " addresses in the subnets, and the ec2:*NetworkInterface* permissions of the role."
    ),
    r"TooManyRequestsException": (
        "Raise the function's reserved concurrency or the account's, or try again later."
    ),
    r"ExpiredToken": "The credentials of this computer have expired: log in again.",
    r"ResourceNotFoundException": (
        "There is no such function in this region and account: correct function in the"
        " catalog's configuration, AWS_REGION or AWS_PROFILE, or deploy it."
    ),
    r"AccessDenied": (
        "Allow lambda:InvokeFunction on the function to the user or role of this computer."
    ),
}
"""By what the error's class and text contain, first match."""

_LOG = "Look at the function's log in CloudWatch, /aws/lambda/FUNCTION, at the time of the request."


def fix_of(error: RemoteError) -> str:
    """Return what to do about an error of a deployed function; nothing if its text says it."""
    if error.error_type in errors.__all__:
        return ""
    told = f"{error.error_type}: {error.message}"
    fixes = (fix for pattern, fix in _FIXES.items() if re.search(pattern, told))
    return next(fixes, error.hint or _LOG)
