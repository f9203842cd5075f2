import type { Client } from '@temporalio/client';
import { decodeTypedSearchAttributes } from '@temporalio/common/lib/converter/payload-search-attributes.js';
import proto from '@temporalio/proto';
import pLimit from 'p-limit';
import { loadSettings } from '../../configuration/load-configuration.ts';
import type { DecommissionResult } from '../../contract/cluster-certificates.ts';
import { taskQueueOf } from '../../contract/ids.ts';
import { CertCluster, CertNames, CertReason } from '../../contract/search-attributes.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { workflowPages } from '../../controller/workflow-pages.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import { readBudgets } from '../budget/read-budgets.ts';
import { clustersQuery, PAGE_TIMEOUT_MS, resultOfEnded } from '../cluster-workflow.ts';
import type { KubeConnection } from '../kubectl-options.ts';
import { assertSameManagementCluster, requireSameManagementCluster } from '../management-cluster.ts';
import { describeSelection, type Selection } from '../selection.ts';
import { clusterFromTemporal, fleetFromTemporal } from '../status/from-temporal.ts';
import { byUrgency, type FleetRow } from '../status/status-view.ts';
import { withLabels } from '../status/with-labels.ts';
import { isUnavailable, withTemporal } from '../temporal-client.ts';
import type { Bounded, EndedOrder, Period, Problem, ReportSources, Revocation } from './fleet-report.ts';

const { WORKFLOW_EXECUTION_STATUS_COMPLETED: COMPLETED } = proto.temporal.api.enums.v1.WorkflowExecutionStatus;

/** Bounds of what is read; a report says where there is more. */
const MAX_ORDERS = 100_000;
const MAX_DECOMMISSIONS = 2_000;
const MAX_PROBLEMS = 200;
const BUDGET_ROWS = 20;
const CONCURRENCY = 10;

/** States in which a person may have to do something. */
const PROBLEM_STATES: ReadonlySet<string> = new Set(['Failing', 'Waiting', 'Decommissioning']);

/** Reads all that a report is about. @throws CertmanError `temporal/unreachable`; what Temporal answers. */
export async function readReport(
  selection: Selection,
  period: Period,
  connection: KubeConnection,
): Promise<ReportSources> {
  const { managementCluster } = loadSettings(process.env, ['managementCluster']);
  return await withTemporal(async (client) => {
    const isSelected = selection.selector !== undefined;
    const assertSame = isSelected ? requireSameManagementCluster : assertSameManagementCluster;
    await assertSame(client, managementCluster, connection);
    const fleet = await fleetFromTemporal(client, managementCluster, selection.namespace);
    const clusters = isSelected ? await withLabels(fleet.clusters, selection, connection) : fleet.clusters;
    const names = new Set(clusters.map(({ cluster }) => cluster));
    // Of clusters that are gone, labels are not known.
    const isWanted = (cluster: string): boolean =>
      isSelected
        ? names.has(cluster)
        : selection.namespace === undefined || cluster.startsWith(`${selection.namespace}/`);
    const [orders, revocations, problems, { budgets }] = await Promise.all([
      readOrders(client, managementCluster, period, isWanted),
      readRevocations(client, managementCluster, period, isWanted),
      readProblems(client, managementCluster, clusters),
      readBudgets(client, { rows: BUDGET_ROWS }),
    ]);
    const among = describeSelection(selection);
    return { managementCluster, among, now: Date.now(), period, clusters, orders, revocations, problems, budgets };
  });
}

async function readOrders(
  client: Client,
  managementCluster: string,
  period: Period,
  isWanted: (cluster: string) => boolean,
): Promise<Bounded<EndedOrder>> {
  const query = `TaskQueue = '${taskQueueOf(managementCluster)}' AND WorkflowType = 'certificateIssuance' AND ExecutionStatus != 'Running' AND ${closedIn(period)}`;
  const items: EndedOrder[] = [];
  let listed = 0;
  for await (const page of workflowPages(client, query, PAGE_TIMEOUT_MS)) {
    for (const { searchAttributes, closeTime, status } of page) {
      const attributes = decodeTypedSearchAttributes(searchAttributes?.indexedFields);
      const cluster = attributes.get(CertCluster) ?? '';
      if (!isWanted(cluster)) continue;
      items.push({
        cluster,
        at: new Date(Number(closeTime?.seconds ?? 0) * 1_000).toISOString(),
        issued: status === COMPLETED,
        reason: attributes.get(CertReason),
        dnsNames: attributes.get(CertNames) ?? [],
      });
    }
    listed += page.length;
    if (listed >= MAX_ORDERS) return { items, incomplete: true };
  }
  return { items, incomplete: false };
}

/** By the results of the clusters that were decommissioned. */
async function readRevocations(
  client: Client,
  managementCluster: string,
  period: Period,
  isWanted: (cluster: string) => boolean,
): Promise<Bounded<Revocation>> {
  const query = `${clustersQuery(managementCluster)} AND ExecutionStatus = 'Completed' AND ${closedIn(period)}`;
  const ended: { readonly workflowId: string; readonly runId: string; readonly at: string }[] = [];
  let incomplete = false;
  for await (const { workflowId, runId, closeTime } of listExecutions(
    withTolerantMemos(client),
    { query },
    PAGE_TIMEOUT_MS,
  )) {
    if (ended.length >= MAX_DECOMMISSIONS) {
      incomplete = true;
      break;
    }
    ended.push({ workflowId, runId, at: (closeTime ?? new Date(period.to)).toISOString() });
  }
  const found = await pLimit(CONCURRENCY).map(ended, async ({ workflowId, runId, at }) => {
    try {
      const result = await resultOfEnded<DecommissionResult>(client, { workflowId, runId });
      return revocationsOf(result, at).filter(({ cluster }) => isWanted(cluster));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      incomplete = true;
      return [];
    }
  });
  return { items: found.flat(), incomplete };
}

function revocationsOf({ cluster, bundles }: DecommissionResult, at: string): readonly Revocation[] {
  return bundles
    .flatMap(({ revocations }) => revocations)
    .filter(({ outcome }) => outcome === 'revoked')
    .map(({ serialNumber }) => ({ cluster: `${cluster.namespace}/${cluster.name}`, at, serialNumber }));
}

/** The most urgent ones, in the words of their workflows. */
async function readProblems(
  client: Client,
  managementCluster: string,
  clusters: readonly FleetRow[],
): Promise<Bounded<Problem>> {
  const wrong = clusters.filter(({ state }) => PROBLEM_STATES.has(state)).sort(byUrgency);
  let incomplete = wrong.length > MAX_PROBLEMS;
  const items = await pLimit(CONCURRENCY).map(wrong.slice(0, MAX_PROBLEMS), async (row): Promise<Problem[]> => {
    const { cluster, state, reason, notAfter } = row;
    const [namespace = '', name = ''] = cluster.split('/');
    try {
      const report = await clusterFromTemporal(client, managementCluster, { namespace, name });
      return (report?.certificates ?? [])
        .filter((one) => PROBLEM_STATES.has(one.state))
        .map(({ bundle, message, nextAttempt, failure, ...one }) => ({
          cluster,
          bundle,
          state: one.state,
          reason: one.reason,
          message: failure?.message ?? message,
          nextAttempt,
          notAfter: one.notAfter,
        }));
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      incomplete = true;
      return [{ cluster, bundle: '', state, reason, message: 'No worker answers.', notAfter }];
    }
  });
  return { items: items.flat(), incomplete };
}

function closedIn({ from, to }: Period): string {
  return `CloseTime >= '${new Date(from).toISOString()}' AND CloseTime < '${new Date(to).toISOString()}'`;
}
