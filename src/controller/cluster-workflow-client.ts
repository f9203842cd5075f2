/** The controller's client of the workflows of clusters: signals, lookups and lists. */
import {
  type Client,
  type InternalConnectionLike,
  InternalConnectionLikeSymbol,
  isGrpcServiceError,
  type ListOptions,
  WorkflowExecutionAlreadyStartedError,
  type WorkflowExecutionInfo,
  WorkflowNotFoundError,
  type WorkflowOptions,
} from '@temporalio/client';
import { NamespaceNotFoundError, type SignalDefinition } from '@temporalio/common';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import { type ClusterRef, identityOf } from '../clusters/cluster-identity.ts';
import type { ClusterView } from '../clusters/cluster-view.ts';
import { gateOf } from '../clusters/gate.ts';
import { type ClusterCertificatesInput, clusterGone, clusterObserved } from '../contract/cluster-certificates.ts';
import { clusterMemo, VIEW_DIGEST, viewDigestIn } from '../contract/cluster-memo.ts';
import { certClusterOf, clusterWorkflowId } from '../contract/ids.ts';
import { givenPatches } from '../contract/patches.ts';
import { fairnessOf } from '../contract/priorities.ts';
import { CertCluster, CertReason, CertState, CHANGE_VERSION, patchAttribute } from '../contract/search-attributes.ts';
import { CertmanError, isFailure } from '../failures/failure.ts';
import { backoffDelay, pause } from '../kubernetes/api/backoff.ts';
import type { Metrics } from '../observability/metrics.ts';
import { withTolerantMemos } from '../payloads/data-converter.ts';
import { GRPC_STATUS } from '../temporal/grpc-status.ts';
import { keyOf } from './namespaced-name.ts';
import type { ControllerLogger } from './outage-log.ts';
import { ListedMemos, runningWorkflowPages } from './workflow-pages.ts';

const MAX_ATTEMPTS = 6;
/** For one call, or one page of a list, including the retries of Temporal's client. */
const CALL_TIMEOUT_MS = 20_000;
/** Of a fleet whose workflows run, one cluster in so many costs a start in vain. */
const MAX_SKIPPED_STARTS = 64;

/** Requests with these fail however often they are sent. */
const NON_RETRYABLE_CODES: ReadonlySet<number> = new Set([GRPC_STATUS.INVALID_ARGUMENT, GRPC_STATUS.OUT_OF_RANGE]);
/**
 * FAILED_PRECONDITION and UNIMPLEMENTED: during a namespace's failover, and what a load balancer's 404 becomes. INTERNAL
 * and DATA_LOSS: of a history that is corrupted, too. They pass, but can be about one workflow only, and then must not
 * stop the controller.
 */
const REFUSAL_CODES: ReadonlySet<number> = new Set([
  GRPC_STATUS.FAILED_PRECONDITION,
  GRPC_STATUS.UNIMPLEMENTED,
  GRPC_STATUS.INTERNAL,
  GRPC_STATUS.DATA_LOSS,
]);

/** Temporal rejected a request about one cluster, at once or after some attempts; other clusters are not affected. */
export class SignalRejected extends Error {
  override readonly name = 'SignalRejected';
}

/** A cluster with a running workflow. */
export interface RunningCluster extends ClusterIdentity {
  /** Digest of the view that the workflow observed last; undefined when it does not say. */
  readonly viewDigest?: string;
}

/** A running workflow as Temporal knows it now, without the delay of lists. */
export interface RunningWorkflow {
  /** By its search attribute. */
  readonly state: string;
  readonly viewDigest?: string;
  /** Whether it has signals or results that it has not processed yet. */
  readonly busy: boolean;
}

/** How the workflows of clusters are reached and started. */
export interface ClusterWorkflowClientOptions {
  readonly client: () => Client;
  readonly managementCluster: string;
  readonly taskQueue: string;
  readonly signal: AbortSignal;
  readonly metrics: Pick<Metrics, 'workflowListFailures'>;
  readonly logger: Pick<ControllerLogger, 'warn'>;
  /** Patches that new workflows start without. */
  readonly heldBackPatches?: readonly string[] | undefined;
  /** Whether the worker has a version: then Temporal decides which version has the first task of a workflow. */
  readonly versioned?: boolean;
}

/** Methods throw `SignalRejected`, CertmanError `temporal/unreachable` after some attempts, or the signal's reason. */
export class ClusterWorkflowClient {
  readonly #options: ClusterWorkflowClientOptions;
  /** {@link startOrSignalObserved} signals as many clusters before it tries a start again. */
  #startsToSkip = 0;
  #skipNext = 1;
  /** Whether Temporal refuses starts with the attribute of their patches (docs/decisions/upgrades.md). */
  #isChangeVersionRefused = false;

  constructor(options: ClusterWorkflowClientOptions) {
    this.#options = options;
  }

  /** Starts a workflow if none runs; `evenIfCompleted`: also if one has completed, since the cluster still needs it. */
  async signalObserved(view: ClusterView, evenIfCompleted = !view.deleting): Promise<void> {
    await this.#signalWithStart(view, clusterObserved.name, [view], evenIfCompleted);
  }

  /**
   * As {@link signalObserved}, for a cluster that may have no workflow yet: a start is cheaper for Temporal than a signal,
   * and brings the workflow's first task with its response. Where workflows run already, few starts are tried.
   * @returns `started`, or `signalled` where a start was refused or not tried.
   */
  async startOrSignalObserved(view: ClusterView): Promise<'started' | 'signalled'> {
    if (this.#startsToSkip > 0) {
      this.#startsToSkip -= 1;
    } else if (await this.#start(view)) {
      this.#skipNext = 1;
      return 'started';
    } else {
      this.#startsToSkip = this.#skipNext;
      this.#skipNext = Math.min(2 * this.#skipNext, MAX_SKIPPED_STARTS);
    }
    await this.signalObserved(view);
    return 'signalled';
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

  /**
   * Clusters whose workflows wait or fail, or whose decommission is held up. @throws as {@link listRunning}.
   * @param reasons of the failure, by condition reason; default: any.
   */
  async listWaitingOrFailing(reasons?: readonly string[]): Promise<readonly ClusterIdentity[]> {
    const blocked = `(${CertState.name} = "Decommissioning" AND ${CertReason.name} != "Decommissioning")`;
    const among = reasons && ` AND ${CertReason.name} IN (${reasons.map((reason) => `"${reason}"`).join(', ')})`;
    const found = await this.listRunning(
      ` AND (${CertState.name} IN ("Waiting", "Failing") OR ${blocked})${among ?? ''}`,
    );
    return [...found.values()];
  }

  /**
   * Clusters with a running workflow, by uid; visibility is about a second behind. @param condition to add to the query.
   * @throws CertmanError `temporal/visibilityUnavailable`.
   */
  async listRunning(condition = ''): Promise<ReadonlyMap<string, RunningCluster>> {
    const { client, managementCluster, taskQueue, signal } = this.#options;
    const query = `TaskQueue = "${taskQueue}" AND WorkflowType = "clusterCertificates"${condition}`;
    const list = async (): Promise<ReadonlyMap<string, RunningCluster>> => {
      const found = new Map<string, RunningCluster>();
      const memos = new ListedMemos(client());
      for await (const page of runningWorkflowPages(client(), query, CALL_TIMEOUT_MS)) {
        signal.throwIfAborted();
        for (const execution of page) {
          const cluster = await memos.identityOf(managementCluster, execution);
          if (cluster === undefined) continue;
          const viewDigest = viewDigestIn(await memos.entry(execution, VIEW_DIGEST));
          found.set(cluster.uid, { ...cluster, viewDigest });
        }
      }
      return found;
    };
    try {
      return (await this.#retry('list the workflows of clusters', list)) ?? new Map();
    } catch (cause) {
      if (!isTemporalFailure(cause)) throw cause;
      this.#options.metrics.workflowListFailures.inc();
      throw new CertmanError({ code: 'temporal/visibilityUnavailable', message: cause.message, cause });
    }
  }

  /** @returns undefined when none runs. */
  async describe(cluster: ClusterRef): Promise<RunningWorkflow | undefined> {
    const what = `describe the workflow of ${keyOf(cluster)}`;
    const description = await this.#retry(what, () => this.#handle(cluster, withTolerantMemos).describe());
    if (description?.status.name !== 'RUNNING') return undefined;
    const { typedSearchAttributes, memo, raw } = description;
    return {
      state: typedSearchAttributes.get(CertState) ?? 'Pending',
      viewDigest: viewDigestIn(memo),
      busy: Boolean(raw.pendingWorkflowTask),
    };
  }

  #handle(cluster: ClusterRef, prepare = (client: Client) => client) {
    const { client, managementCluster } = this.#options;
    return prepare(client()).workflow.getHandle(clusterWorkflowId(identityOf(managementCluster, cluster)));
  }

  async #signalWithStart(
    view: ClusterView,
    signal: string,
    signalArgs: unknown[],
    evenIfCompleted: boolean,
  ): Promise<void> {
    const { identity } = view;
    await this.#retry(`signal ${signal} to the workflow of ${keyOf(identity)}`, () =>
      this.#options.client().workflow.signalWithStart('clusterCertificates', {
        ...this.#startOptions(view, evenIfCompleted),
        signal,
        signalArgs,
      }),
    );
  }

  /** @returns false when a workflow runs already, or has completed and is not to be started again. */
  async #start(view: ClusterView): Promise<boolean> {
    const started = await this.#retry(`start the workflow of ${keyOf(view.identity)}`, async () => {
      const client = this.#options.client();
      await client.workflow.start('clusterCertificates', {
        ...this.#startOptions(view, !view.deleting),
        workflowIdConflictPolicy: 'FAIL',
        requestEagerStart: this.#options.versioned !== true && supportsEagerStart(client.connection),
      });
      return true;
    });
    return started === true;
  }

  #startOptions(view: ClusterView, evenIfCompleted: boolean) {
    const { identity } = view;
    const patches = givenPatches(this.#options.heldBackPatches);
    const input: ClusterCertificatesInput = { cluster: view, patches };
    return {
      workflowId: clusterWorkflowId(identity),
      taskQueue: this.#options.taskQueue,
      args: [input],
      // A decommissioned uid does not come back; a workflow that failed or was terminated is started again.
      workflowIdReusePolicy: evenIfCompleted ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
      typedSearchAttributes: [
        { key: CertCluster, value: certClusterOf(identity) },
        { key: CertState, value: gateOf(view).kind === 'decommission' ? 'Decommissioning' : 'Pending' },
        ...(this.#isChangeVersionRefused ? [] : patchAttribute(patches)),
      ],
      memo: { ...clusterMemo(view) },
      priority: fairnessOf(identity),
      staticSummary: `Certificates of ${keyOf(identity)} on ${identity.managementCluster}`.slice(0, 180),
    } satisfies Omit<WorkflowOptions, 'args'> & { readonly args: [ClusterCertificatesInput] };
  }

  /** Starts that were sent at the same time are refused too: the log has the first. */
  #changeVersionRefused(details: string): void {
    if (!this.#isChangeVersionRefused)
      this.#options.logger.warn(
        { details },
        `Temporal refuses starts with the search attribute ${CHANGE_VERSION}: workflows start without it, and are not counted by it until a marker follows`,
      );
    this.#isChangeVersionRefused = true;
  }

  /** @returns undefined when no such workflow runs, or the one to be started has completed. */
  async #retry<Result>(what: string, call: () => Promise<Result>): Promise<Result | undefined> {
    const { signal } = this.#options;
    let isWithoutChangeVersion = false;
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
        const refusal = refusalOf(error);
        if (refusal === undefined) throw error;
        const details = refusal.details.slice(0, 500);
        if (!isWithoutChangeVersion && refusesChangeVersion(refusal)) {
          this.#changeVersionRefused(details);
          isWithoutChangeVersion = true;
          continue;
        }
        if (NON_RETRYABLE_CODES.has(refusal.code) || (attempt >= MAX_ATTEMPTS && REFUSAL_CODES.has(refusal.code))) {
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

interface Refusal {
  readonly code: number;
  readonly details: string;
}

/**
 * What Temporal answered. A namespace that is not found counts as NOT_FOUND: the worker has served it, and a server says so
 * for some seconds after it could not read the namespace from its store. @returns undefined of any other error.
 */
function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof NamespaceNotFoundError) return { code: GRPC_STATUS.NOT_FOUND, details: error.message };
  return [error, error instanceof Error && error.cause].find((one) => isGrpcServiceError(one));
}

/** A server may do so one day: it is an attribute of its own (`predefinedWhiteList` of temporal common/searchattribute). */
function refusesChangeVersion({ code, details }: Refusal): boolean {
  return code === GRPC_STATUS.INVALID_ARGUMENT && details.includes(CHANGE_VERSION);
}

/** Only the connection of a worker does. */
function supportsEagerStart(connection: InternalConnectionLike): boolean {
  return connection[InternalConnectionLikeSymbol]?.supportsEagerStart === true;
}

function isTemporalFailure(error: unknown): error is SignalRejected | CertmanError {
  return error instanceof SignalRejected || isFailure(error, 'temporal/unreachable');
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
