"""What every connector is held to, as one class of tests.

A connector's whole test file::

    class TestCsvFolder(ConnectorSuite):
        supports = Supports(limit=Gap.not_yet("reader stops at batch ends only"))

        def make(self, tmp_path):
            return sample_folder(tmp_path)

``make`` may ask for further fixtures by name, such as a server's address, if they live as
long as the class or longer.
"""

# ruff: noqa: D102 - a test's name says what it tests

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from athena_connectors.common.testing.conformance import (
    access,
    blocks,
    budgets,
    deadline,
    limits,
    metadata,
    predicates,
    projection,
    splits,
)
from athena_connectors.common.testing.conformance.flags import check_flag
from athena_connectors.common.testing.conformance.generated import check_generated
from athena_connectors.common.testing.conformance.plans import check_by, check_plans
from athena_connectors.common.testing.conformance.predicates import PREDICATES
from athena_connectors.common.testing.conformance.pushdown import observe
from athena_connectors.common.testing.conformance.recordings import check_recordings
from athena_connectors.common.testing.conformance.report import Report, make_report
from athena_connectors.common.testing.conformance.secrets import check_secrets
from athena_connectors.common.testing.conformance.subject import PLANS, VERSIONS, WAYS, Subject
from athena_connectors.common.testing.conformance.supports import BEHAVIOURS, Supports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from athena_connectors.common.testing.conformance.pushdown import Pushdowns
    from athena_connectors.common.testing.conformance.sample import Sample

__all__ = ["WRITE_OPTION", "ConnectorSuite"]

WRITE_OPTION = "--write-conformance"
"""Option of pytest with which reports are written instead of compared."""


class ConnectorSuite:
    """Tests of a connector; see the module.

    Attributes:
        supports: What the connector is said to do; everything by default.
        report: File of the report, compared with what is seen; ``None`` for none.
        examples: Predicates to generate for each SerDe version.
        list_length: Values of the longest IN list.
    """

    supports: ClassVar[Supports] = Supports()
    report: ClassVar[Path | None] = None
    examples: ClassVar[int] = 80
    list_length: ClassVar[int] = predicates.LONG

    def make(self, *fixtures: Any, **named: Any) -> Sample:
        """Return what the connector is tried on; called once for all tests.

        The parameters are fixtures: ``tmp_path`` is an empty folder, others are asked for
        by name.
        """
        raise NotImplementedError(f"{type(self).__name__} has no make(self, tmp_path).")

    @pytest.fixture(scope="class")
    @classmethod
    def subject(
        cls, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[Subject]:
        """The connector with its sample."""
        suite = cls()
        arguments = {
            name: tmp_path_factory.mktemp("sample")
            if name == "tmp_path"
            else request.getfixturevalue(name)
            for name in inspect.signature(suite.make).parameters
        }
        sample = suite.make(**arguments)
        subject = Subject(sample, cls.supports, folder=tmp_path_factory.mktemp("spill"))
        yield subject
        subject.close()

    @pytest.fixture(scope="class")
    @classmethod
    def seen(cls, subject: Subject) -> Iterator[access.Seen]:
        """The connector as an access policy shows it."""
        seen = access.Seen(subject)
        yield seen
        seen.close()

    @pytest.fixture(scope="class")
    @classmethod
    def pushdowns(cls, subject: Subject) -> Pushdowns:
        """What the source evaluates of all predicates that are tried."""
        return observe(subject)

    # Metadata

    @pytest.mark.parametrize("version", VERSIONS)
    def test_ping_tells_the_source(self, subject: Subject, version: int) -> None:
        metadata.check_ping(subject, version)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_all_schemas_and_tables_are_listed(self, subject: Subject, version: int) -> None:
        metadata.check_listing(subject, version)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_pages_of_tables_hold_each_once(self, subject: Subject, version: int) -> None:
        metadata.check_pages(subject, version)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_columns_are_described_as_they_are(self, subject: Subject, version: int) -> None:
        metadata.check_columns(subject, version)

    def test_foreign_tokens_of_tables_are_refused(self, subject: Subject) -> None:
        metadata.check_foreign_token(subject)

    def test_unknown_schemas_are_told(self, subject: Subject) -> None:
        metadata.check_unknown_schema(subject)

    def test_unknown_tables_are_told(self, subject: Subject) -> None:
        metadata.check_unknown_table(subject)

    def test_unknown_columns_are_told(self, subject: Subject) -> None:
        metadata.check_unknown_column(subject)

    # Splits and values

    @pytest.mark.parametrize("version", VERSIONS)
    def test_splits_hold_each_row_once(self, subject: Subject, version: int) -> None:
        splits.check_union(subject, version)

    def test_splits_repeat_themselves(self, subject: Subject) -> None:
        splits.check_repetition(subject)

    def test_pages_of_splits_hold_each_once(self, subject: Subject) -> None:
        splits.check_pages(subject)

    def test_foreign_tokens_of_splits_are_refused(self, subject: Subject) -> None:
        splits.check_foreign_token(subject)

    # Predicates

    @pytest.mark.parametrize("kind", PREDICATES)
    @pytest.mark.parametrize("way", WAYS)
    def test_predicates_keep_what_satisfies_them(
        self, subject: Subject, way: str, kind: str
    ) -> None:
        check_by(way, subject, lambda each: predicates.check_predicates(each, kind))

    def test_conjunctions_keep_what_satisfies_them(self, subject: Subject) -> None:
        predicates.check_conjunction(subject)

    def test_predicates_look_at_columns_that_are_not_read(self, subject: Subject) -> None:
        predicates.check_unread_columns(subject)

    def test_predicates_of_nothing_and_of_everything(self, subject: Subject) -> None:
        predicates.check_impossible(subject)

    @pytest.mark.parametrize("way", WAYS)
    def test_long_lists(self, subject: Subject, way: str) -> None:
        length = self.list_length
        check_by(way, subject, lambda each: predicates.check_long_lists(each, length=length))

    @pytest.mark.parametrize("version", VERSIONS)
    def test_generated_predicates(self, subject: Subject, version: int) -> None:
        check_generated(subject, version, examples=self.examples)

    def test_generated_predicates_in_plans(self, subject: Subject) -> None:
        version, examples = VERSIONS[-1], self.examples
        check_by(PLANS, subject, lambda each: check_generated(each, version, examples=examples))

    def test_plans_are_read_as_is_claimed(self, subject: Subject) -> None:
        check_plans(subject)

    # Limits and columns

    @pytest.mark.parametrize("way", WAYS)
    def test_limits(self, subject: Subject, way: str) -> None:
        check_by(way, subject, limits.check_limit)

    @pytest.mark.parametrize("way", WAYS)
    def test_limits_count_what_satisfies_the_predicate(self, subject: Subject, way: str) -> None:
        check_by(way, subject, limits.check_limit_with_predicate)

    @pytest.mark.parametrize("way", WAYS)
    def test_first_rows_of_an_order(self, subject: Subject, way: str) -> None:
        check_by(way, subject, limits.check_top_n)

    @pytest.mark.parametrize("way", WAYS)
    def test_first_rows_of_what_satisfies_the_predicate(self, subject: Subject, way: str) -> None:
        check_by(way, subject, limits.check_top_n_with_predicate)

    def test_each_column_is_read_alone(self, subject: Subject) -> None:
        projection.check_columns(subject)

    def test_columns_are_read_in_any_order(self, subject: Subject) -> None:
        projection.check_order(subject)

    @pytest.mark.parametrize("version", VERSIONS)
    def test_rows_are_counted(self, subject: Subject, version: int) -> None:
        projection.check_count(subject, version)

    # Blocks, time, secrets

    @pytest.mark.parametrize("version", VERSIONS)
    def test_rows_are_spilled(self, subject: Subject, version: int) -> None:
        blocks.check_spilled(subject, version, encrypted=True)

    def test_rows_are_spilled_without_encryption(self, subject: Subject) -> None:
        blocks.check_spilled(subject, VERSIONS[0], encrypted=False)

    def test_blocks_are_inline_up_to_the_limit(self, subject: Subject) -> None:
        blocks.check_inline_limit(subject)

    def test_rows_fill_many_blocks(self, subject: Subject) -> None:
        blocks.check_many_blocks(subject)

    def test_a_put_that_fails_fails_the_read(self, subject: Subject) -> None:
        blocks.check_failed_puts(subject)

    def test_reads_end_in_time(self, subject: Subject) -> None:
        deadline.check_deadline(subject)

    def test_budgets_end_reads(self, subject: Subject) -> None:
        budgets.check_budgets(subject)

    def test_conditions_are_required_of_every_request(self, subject: Subject) -> None:
        budgets.check_required_filters(subject)

    def test_secrets_are_told_by_nothing(
        self, subject: Subject, capfd: pytest.CaptureFixture[str]
    ) -> None:
        check_secrets(subject, lambda: "".join(capfd.readouterr()))

    def test_queries_are_recorded_and_replayed(self, subject: Subject) -> None:
        check_recordings(subject)

    # Access policies: tables are filtered and masked first, and then the query is run

    def test_policies_show_what_is_seen(self, seen: access.Seen) -> None:
        subject, version = seen.subject, seen.subject.route.client.version
        metadata.check_listing(subject, version)
        metadata.check_pages(subject, version)
        metadata.check_foreign_token(subject)
        metadata.check_columns(subject, version)

    def test_policies_tell_unknown_names_like_others(self, seen: access.Seen) -> None:
        metadata.check_unknown_schema(seen.subject)
        metadata.check_unknown_table(seen.subject)
        metadata.check_unknown_column(seen.subject)

    def test_policies_leave_rows_that_are_seen(self, seen: access.Seen) -> None:
        subject, version = seen.subject, seen.subject.route.client.version
        splits.check_union(subject, version)
        splits.check_repetition(subject)
        splits.check_pages(subject)
        projection.check_columns(subject)
        projection.check_order(subject)
        projection.check_count(subject, version)

    @pytest.mark.parametrize("way", WAYS)
    def test_policies_are_applied_before_predicates(self, seen: access.Seen, way: str) -> None:
        subject = seen.subject.asked_by(way)
        check_generated(subject, VERSIONS[-1], examples=self.examples)

    def test_policies_are_applied_before_limits(self, seen: access.Seen) -> None:
        limits.check_limit(seen.subject)
        limits.check_limit_with_predicate(seen.subject)

    def test_policies_are_applied_before_orders(self, seen: access.Seen) -> None:
        limits.check_top_n(seen.subject)
        limits.check_top_n_with_predicate(seen.subject)

    def test_policies_leave_nothing_to_strangers(self, seen: access.Seen) -> None:
        access.check_strangers(seen)

    def test_policies_deny_tables_as_if_there_were_none(self, seen: access.Seen) -> None:
        access.check_denied_tables(seen)

    def test_policies_hide_columns_as_if_there_were_none(self, seen: access.Seen) -> None:
        access.check_hidden_columns(seen)

    def test_policies_show_nothing_in_layouts_and_splits(self, seen: access.Seen) -> None:
        access.check_layouts(seen)

    def test_policies_refuse_splits_of_others(self, seen: access.Seen) -> None:
        access.check_foreign_splits(seen)

    def test_policies_refuse_native_queries(self, seen: access.Seen) -> None:
        access.check_native_queries(seen)

    def test_policies_keep_callers_of_an_instance_apart(self, seen: access.Seen) -> None:
        access.check_warm_instance(seen)

    def test_policies_are_explained_to_nobody(self, seen: access.Seen) -> None:
        access.check_nothing_told(seen)

    def test_malformed_policies_refuse_every_request(self, subject: Subject) -> None:
        access.check_malformed(subject)

    # What is said of the connector

    @pytest.mark.parametrize("behaviour", [each.name for each in BEHAVIOURS])
    def test_supports_is_true(self, subject: Subject, pushdowns: Pushdowns, behaviour: str) -> None:
        check_flag(subject, pushdowns, behaviour)

    def test_what_is_pushed_is_claimed(self, pushdowns: Pushdowns) -> None:
        pushdowns.check_claims()

    def test_the_report_is_up_to_date(
        self, subject: Subject, pushdowns: Pushdowns, request: pytest.FixtureRequest
    ) -> None:
        report = make_report(self.supports, subject.tables, pushdowns)
        assert Report.from_json(report.to_json()) == report
        if self.report is None:
            return
        if request.config.getoption(WRITE_OPTION, default=False):
            self.report.write_text(report.to_json(), encoding="utf-8")
        written = self.report.read_text(encoding="utf-8") if self.report.exists() else ""
        assert written == report.to_json(), (
            f"{self.report.name} is not what is seen: run pytest {WRITE_OPTION}, then make docs."
        )
