/** The orders of a cluster that ended, from Temporal. */
import type { Client, WorkflowExecutionInfo } from '@temporalio/client';
import type { OrderReason } from '../../certificates/renewal-policy.ts';
import { RENEWAL_REQUEST_LIFETIME_MS } from '../../certificates/renewal-request.ts';
import type { CertificateIssuanceResult } from '../../contract/certificate-issuance.ts';
import type { ClusterStatus } from '../../contract/cluster-certificates.ts';
import { certClusterOf, issuanceWorkflowId, taskQueueOf } from '../../contract/ids.ts';
import { CertCluster, CertReason } from '../../contract/search-attributes.ts';
import { listExecutions } from '../../controller/cluster-workflow-client.ts';
import { describeIfKept } from '../../controller/describe-workflow.ts';
import { withTolerantMemos } from '../../payloads/data-converter.ts';
import type { ClusterName } from '../arguments.ts';
import { PAGE_TIMEOUT_MS, resultOfEnded } from '../cluster-workflow.ts';
import type { CompletedOrder } from './certificate-history.ts';
import type { AskedFor, OperatorRequest, OperatorRequests } from './operator-requests.ts';

/** The newest: a certificate of a day, renewed twice a day, has as many in Temporal's usual retention. */
const MAX_ORDERS = 500;

/** By the reasons of orders for which an operator may have asked: what was asked for. */
const REQUESTS_BY_REASON = {
  RenewRequested: 'renewal',
  RevocationRequested: 'revocation',
  Revoked: 'revocation',
} as const satisfies Partial<Record<OrderReason, OperatorRequest['kind']>>;

/** What visibility lists. @throws what the requests throw. */
export async function readOrders(
  client: Client,
  requests: OperatorRequests,
  managementCluster: string,
  name: ClusterName,
) {
  const query = `TaskQueue = '${taskQueueOf(managementCluster)}' AND WorkflowType = 'certificateIssuance' AND ${CertCluster.name} = '${certClusterOf(name)}' AND ExecutionStatus != 'Running'`;
  const orders: Promise<CompletedOrder>[] = [];
  let unsuccessfulOrders = 0;
  let lastUnsuccessful: string | undefined;
  for await (const execution of listExecutions(withTolerantMemos(client), { query }, PAGE_TIMEOUT_MS)) {
    if (execution.status.name === 'COMPLETED') {
      if (orders.length >= MAX_ORDERS) break;
      orders.push(readOrder(client, requests, execution));
      // At most so many requests at once.
      if (orders.length % 20 === 0) await Promise.all(orders);
    } else {
      unsuccessfulOrders += 1;
      const ended = execution.closeTime?.toISOString();
      if (ended !== undefined && (lastUnsuccessful === undefined || ended > lastUnsuccessful)) lastUnsuccessful = ended;
    }
  }
  return { orders: await Promise.all(orders), unsuccessfulOrders, lastUnsuccessful };
}

/**
 * The latest order of each bundle where it is not among those listed: visibility lists the end of an order some moments after the
 * cluster's workflow has recorded its certificate. @throws what the requests throw.
 */
export async function readLatestOrders(
  client: Client,
  requests: OperatorRequests,
  { cluster, bundles }: Pick<ClusterStatus, 'cluster' | 'bundles'>,
  listed: readonly Pick<CompletedOrder, 'workflowId'>[],
): Promise<readonly CompletedOrder[]> {
  const known = new Set(listed.map(({ workflowId }) => workflowId));
  const missing = Object.entries(bundles)
    .filter(([, { orders }]) => orders > 0)
    .map(([bundle, { orders }]) => issuanceWorkflowId(cluster.identity, bundle, orders))
    .filter((workflowId) => !known.has(workflowId));
  const { workflow } = withTolerantMemos(client);
  const found = await Promise.all(
    missing.map(async (workflowId) => {
      const execution = await client.withDeadline(Date.now() + PAGE_TIMEOUT_MS, () =>
        describeIfKept(workflow.getHandle(workflowId)),
      );
      return execution?.status.name === 'COMPLETED' ? await readOrder(client, requests, execution) : undefined;
    }),
  );
  return found.filter((order) => order !== undefined);
}

async function readOrder(
  client: Client,
  requests: OperatorRequests,
  execution: Omit<WorkflowExecutionInfo, 'raw'>,
): Promise<CompletedOrder> {
  const { workflowId, runId, startTime, closeTime = startTime, parentExecution } = execution;
  const reason = execution.typedSearchAttributes.get(CertReason);
  // issue/<management cluster>/<namespace>/<name>/<uid>/<bundle>/<number>
  const [uid = '', bundle = ''] = workflowId.split('/').slice(-3);
  const result = await resultOfEnded<CertificateIssuanceResult>(client, { workflowId, runId });
  const askedFor = askedForBy(reason, bundle, startTime, result);
  const parent = { workflowId: parentExecution?.workflowId ?? '', runId: parentExecution?.runId ?? '' };
  const asked = askedFor && parentExecution ? await requests.before(parent, askedFor) : undefined;
  return {
    uid,
    bundle,
    workflowId,
    orderedAt: startTime.toISOString(),
    issuedAt: closeTime.toISOString(),
    reason,
    requests: asked,
    result,
  };
}

/** What an order may be due to; undefined: not to an operator. */
function askedForBy(
  reason: string | undefined,
  bundle: string,
  orderedAt: Date,
  { replaced }: CertificateIssuanceResult,
): AskedFor | undefined {
  if (reason === undefined || !Object.hasOwn(REQUESTS_BY_REASON, reason)) return undefined;
  const asked = REQUESTS_BY_REASON[reason as keyof typeof REQUESTS_BY_REASON];
  const isOfBundle = (request: OperatorRequest): boolean =>
    request.kind === asked && (request.bundle === undefined || request.bundle === bundle);
  // Of the CA's revocation, there is none.
  const revoked = reason === 'Revoked' ? replaced?.serialNumber : undefined;
  const isIt = (request: OperatorRequest): boolean =>
    isOfBundle(request) && (revoked === undefined || request.serialNumber === revoked);
  // A request for a revocation does not expire.
  return {
    orderedAt,
    isIt,
    since: asked === 'renewal' ? orderedAt.getTime() - RENEWAL_REQUEST_LIFETIME_MS : undefined,
  };
}
