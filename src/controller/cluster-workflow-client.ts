/** The controller's client of the workflows of clusters: signals, lookups and lists. */
import {
  type Client,
  isGrpcServiceError,
  type ListOptions,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { SignalDefinition } from '@temporalio/common';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import { type ClusterRef, identityOf } from '../clusters/cluster-identity.ts';
import type { ClusterView } from '../clusters/cluster-view.ts';
import { gateOf } from '../clusters/gate.ts';
import { type ClusterCertificatesInput, clusterGone, clusterObserved } from '../contract/cluster-certificates.ts';
import { certClusterOf, clusterWorkflowId, identityOfWorkflow } from '../contract/ids.ts';
import { CertCluster, CertReason, CertState } from '../contract/search-attributes.ts';
import { CertmanError } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import { keyOf } from './controller-cache.ts';

const MAX_ATTEMPTS = 6;
/** For one call, or one page of a list, including the retries of Temporal's client. */
const CALL_TIMEOUT_MS = 20_000;
const PAGE_SIZE = 1_000;

/** gRPC codes of requests that fail however often they are sent. */
const NON_RETRYABLE_CODES = new Set([3, 9, 11, 12]);

/** Temporal rejected a request about one cluster; other clusters are not affected. */
export class SignalRejected extends Error {
  override readonly name = 'SignalRejected';
}

/** How the workflows of clusters are reached and started. */
export interface ClusterWorkflowClientOptions {
  readonly client: () => Client;
  readonly managementCluster: string;
  readonly taskQueue: string;
  readonly signal: AbortSignal;
}

/** Methods throw `SignalRejected`, CertmanError `temporal/unreachable` after some attempts, or the signal's reason. */
export class ClusterWorkflowClient {
  readonly #options: ClusterWorkflowClientOptions;

  constructor(options: ClusterWorkflowClientOptions) {
    this.#options = options;
  }

  /** Starts a workflow if none runs; `evenIfCompleted`: also if one has completed, since the cluster still needs it. */
  async signalObserved(view: ClusterView, evenIfCompleted = !view.deleting): Promise<void> {
    await this.#signalWithStart(view, clusterObserved.name, [view], evenIfCompleted);
  }

  /** Starts a workflow if none runs; `evenIfCompleted`: also if one has completed, since it left something behind. */
  async signalGone(view: ClusterView, evenIfCompleted = false): Promise<void> {
    await this.#signalWithStart(view, clusterGone.name, [], evenIfCompleted);
  }

  /** Skips a cluster without a running workflow: a new workflow evaluates anyway. */
  async signal<Argument>(cluster: ClusterRef, signal: SignalDefinition<[Argument]>, argument: Argument): Promise<void> {
    await this.#retry(`signal ${signal.name} to the workflow of ${keyOf(cluster)}`, () =>
      this.#handle(cluster).signal(signal, argument),
    );
  }

  /** Clusters whose workflows wait or fail, or whose decommission is held up. */
  async listWaitingOrFailing(): Promise<readonly ClusterIdentity[]> {
    const blocked = `(${CertState.name} = "Decommissioning" AND ${CertReason.name} != "Decommissioning")`;
    return await this.listRunning(` AND (${CertState.name} IN ("Waiting", "Failing") OR ${blocked})`);
  }

  /** Clusters with a running workflow; visibility is about a second behind. @param condition to add to the query. */
  async listRunning(condition = ''): Promise<readonly ClusterIdentity[]> {
    const { client, managementCluster, taskQueue, signal } = this.#options;
    const query = `TaskQueue = "${taskQueue}" AND WorkflowType = "clusterCertificates" AND ExecutionStatus = "Running"${condition}`;
    const clusters = await this.#retry('list the workflows of clusters', async () => {
      const found: ClusterIdentity[] = [];
      for await (const execution of listExecutions(client(), { query, pageSize: PAGE_SIZE }, CALL_TIMEOUT_MS)) {
        signal.throwIfAborted();
        const cluster = identityOfWorkflow(managementCluster, execution);
        if (cluster !== undefined) found.push(cluster);
      }
      return found;
    });
    return clusters ?? [];
  }

  /** State of a cluster's workflow by its search attribute; undefined when none runs. */
  async describeState(cluster: ClusterRef): Promise<string | undefined> {
    const what = `describe the workflow of ${keyOf(cluster)}`;
    const description = await this.#retry(what, () => this.#handle(cluster).describe());
    if (description?.status.name !== 'RUNNING') return undefined;
    return description.typedSearchAttributes.get(CertState) ?? 'Pending';
  }

  #handle(cluster: ClusterRef) {
    const { client, managementCluster } = this.#options;
    return client().workflow.getHandle(clusterWorkflowId(identityOf(managementCluster, cluster)));
  }

  async #signalWithStart(
    view: ClusterView,
    signal: string,
    signalArgs: unknown[],
    evenIfCompleted: boolean,
  ): Promise<void> {
    const { identity } = view;
    const { managementCluster, namespace, name, uid } = identity;
    const input: ClusterCertificatesInput = { cluster: view };
    await this.#retry(`signal ${signal} to the workflow of ${keyOf(identity)}`, () =>
      this.#options.client().workflow.signalWithStart('clusterCertificates', {
        workflowId: clusterWorkflowId(identity),
        taskQueue: this.#options.taskQueue,
        args: [input],
        signal,
        signalArgs,
        // A decommissioned uid does not come back; a workflow that failed or was terminated is started again.
        workflowIdReusePolicy: evenIfCompleted ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
        typedSearchAttributes: [
          { key: CertCluster, value: certClusterOf(identity) },
          { key: CertState, value: gateOf(view).kind === 'decommission' ? 'Decommissioning' : 'Pending' },
        ],
        memo: { managementCluster, namespace, name, uid },
        staticSummary: `Certificates of ${keyOf(identity)} on ${managementCluster}`.slice(0, 180),
      }),
    );
  }

  /** @returns undefined when no such workflow runs, or the one to be started has completed. */
  async #retry<Result>(what: string, call: () => Promise<Result>): Promise<Result | undefined> {
    const { signal } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      try {
        const client = this.#options.client();
        return await client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => client.withAbortSignal(signal, call));
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError) {
          return undefined;
        }
        const grpc = [error, error instanceof Error && error.cause].find((one) => isGrpcServiceError(one));
        if (grpc === undefined) throw error;
        const details = grpc.details.slice(0, 500);
        if (NON_RETRYABLE_CODES.has(grpc.code)) {
          throw new SignalRejected(`Temporal refused to ${what}: ${details}`, { cause: error });
        }
        if (attempt >= MAX_ATTEMPTS) {
          throw new CertmanError({
            code: 'temporal/unreachable',
            message: `Temporal could not be reached to ${what}: ${details}.`,
            remedy: 'The watch resumes from its checkpoint, on this or another worker; no event is lost.',
            cause: error,
          });
        }
      }
      await pause(backoffDelay(attempt, { first: 200, max: 3_000 }), signal);
    }
  }
}

/** Lists workflow executions; each page, not the whole list, has `pageTimeoutMs`. @throws the client's error. */
export async function* listExecutions(
  client: Pick<Client, 'withDeadline' | 'workflow'>,
  options: ListOptions,
  pageTimeoutMs: number,
): AsyncGenerator<WorkflowExecutionInfo> {
  const executions = client.workflow.list(options)[Symbol.asyncIterator]();
  for (;;) {
    // The server is asked only at the end of a page, with the deadline of that call.
    const next = await client.withDeadline(Date.now() + pageTimeoutMs, () => executions.next());
    if (next.done === true) return;
    yield next.value;
  }
}
