from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from athena_connectors.common import certificates
from athena_connectors.common.certificates import BUNDLE
from athena_connectors.common.errors import ConfigurationError
from athena_connectors.common.secrets import Secret
from athena_connectors.common.sql.connection_strings import (
    ConnectionString,
    Credentials,
    parse_connection_string,
)
from athena_connectors.common.sql.login import (
    certificate_file,
    hosts_of,
    is_rds,
    login_user,
    number_property,
)

if TYPE_CHECKING:
    from athena_connectors.common.sql import login

RDS = (("db.abc.eu-west-1.rds.amazonaws.com", 3306),)
ELSEWHERE = (("db.example.org", 3306),)
SECRET = Credentials("s", Secret("p"), host="sh", ca_certificate="PEM TEXT")


def target_of(text: str) -> ConnectionString:
    return parse_connection_string(f"mysql://{text}", engine="mysql", catalog="shop")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the package; there is no layer."""
    monkeypatch.setattr(certificates, "_LAYER", tmp_path / "layers")
    (tmp_path / "layers").mkdir()
    (tmp_path / "package").mkdir()
    return tmp_path / "package"


def trusted(
    package: Path,
    *,
    hosts: login.Hosts = RDS,
    text: str = "h/db",
    setting: str = "",
    credentials: Credentials | None = None,
) -> str:
    return certificate_file(
        target_of(text),
        setting,
        hosts=hosts,
        credentials=credentials,
        environ={"LAMBDA_TASK_ROOT": str(package)},
    )


def test_issue_368_and_492_the_bundle_of_rds_is_found(package: Path) -> None:
    assert trusted(package) == ""
    layer = package.parent / "layers" / BUNDLE
    layer.touch()
    assert trusted(package) == str(layer)
    mine = package / BUNDLE
    mine.touch()
    assert trusted(package) == str(mine)
    assert trusted(package, hosts=ELSEWHERE) == ""
    assert trusted(package, hosts=(*RDS, *ELSEWHERE)) == ""
    assert trusted(package, setting="system") == "system"


def test_issue_10_whose_certificates_go_before_whose(package: Path) -> None:
    (package / BUNDLE).touch()
    files = {name: package / name for name in ("property.pem", "setting.pem")}
    for file in files.values():
        file.touch()
    text = f"h/db?sslrootcert={files['property.pem']}"
    setting = str(files["setting.pem"])
    assert trusted(package, setting=setting) == setting
    assert trusted(package, text=text, setting=setting) == str(files["property.pem"])
    written = trusted(package, text=text, setting=setting, credentials=SECRET)
    assert Path(written).read_text() == "PEM TEXT"
    assert trusted(package, credentials=SECRET) == written


@pytest.mark.parametrize(
    ("text", "setting", "name"),
    [
        ("h/db", "/no/such.pem", "which ssl_root_cert names"),
        ("h/db?sslrootcert=/no/such.pem", "", "in setting shop_connection_string names"),
    ],
)
def test_a_missing_file_is_told_by_who_names_it(
    package: Path, text: str, setting: str, name: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"/no/such\.pem .*{name}"):
        trusted(package, text=text, setting=setting)


def test_hosts_and_users_come_from_one_or_the_other() -> None:
    assert hosts_of(target_of("h1,h2:7/db"), SECRET, port=3306) == (("h1", 3306), ("h2", 7))
    assert hosts_of(target_of("/db"), SECRET, port=3306) == (("sh", 3306),)
    assert login_user(target_of("u:p@h/db"), SECRET) == "s"
    assert login_user(target_of("u:p@h/db"), None) == "u"
    with pytest.raises(ConfigurationError, match="names no host"):
        hosts_of(target_of("/db"), None, port=3306)
    with pytest.raises(ConfigurationError, match="neither a user nor a secret"):
        login_user(target_of("h/db"), None)


def test_rds_is_told_by_its_names() -> None:
    assert is_rds(RDS)
    assert is_rds((("X.Y.CN-NORTH-1.RDS.AMAZONAWS.COM.CN", 1),))
    assert not is_rds((("rds.amazonaws.com.example.org", 1),))
    assert not is_rds((("db.eu-west-1.rds.amazonaws.community", 1),))


@pytest.mark.parametrize("text", ["", "-1", "1.5", "1e3", "\u0661", " 1", "0x10"])
def test_numbers_are_whole_numbers(text: str) -> None:
    target = replace(target_of("h/db"), properties={"sockettimeout": text})
    with pytest.raises(ConfigurationError, match=r"socketTimeout=.*whole number of seconds"):
        number_property(target, "socketTimeout", "seconds")
