/** Telling the workflows of the clusters: the watch's only way of having anything done. */
import {
  type Client,
  isGrpcServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { clusterCertificates } from '../../workflows/cluster-certificates.ts';
import type { RenewalWindow } from '../certificates/renewal-window.ts';
import type { ClusterIdentity, ClusterView } from '../clusters/cluster-view.ts';
import {
  certificateRevoked,
  clusterGone,
  clusterObserved,
  dependencyChanged,
  renewalWindowChanged,
  requestClaimed,
} from '../contract/cluster-certificates.ts';
import { certClusterOf, clusterWorkflowId, identityOfWorkflow } from '../contract/ids.ts';
import { CertCluster, CertReason, CertState } from '../contract/search-attributes.ts';
import { CertmanError } from '../failures/failure.ts';
import { Backoff, pause } from '../kubernetes/api/backoff.ts';
import { listExecutions } from './list-executions.ts';

const MAX_ATTEMPTS = 6;
const BACKOFF_MS = { first: 200, longest: 3_000 } as const;

/** One call, or one page of a listing, retries of the client's own included. */
const CALL_TIMEOUT_MS = 20_000;

/** gRPC codes that say the request itself is wrong: another try would get the same answer. */
const NON_RETRYABLE_CODES = new Set([3, 9, 11, 12]);

/** A workflow refused the signal; the other clusters are not concerned. */
export class SignalRejected extends Error {
  override readonly name = 'SignalRejected';
}

export class ClusterWorkflowClient {
  readonly #client: () => Client;
  readonly #managementCluster: string;
  readonly #taskQueue: string;
  readonly #signal: AbortSignal;

  constructor(options: {
    readonly client: () => Client;
    readonly managementCluster: string;
    readonly taskQueue: string;
    readonly signal: AbortSignal;
  }) {
    this.#client = options.client;
    this.#managementCluster = options.managementCluster;
    this.#taskQueue = options.taskQueue;
    this.#signal = options.signal;
  }

  /**
   * The cluster as it is now; starts its workflow when there is none.
   * @param evenIfCompleted start it again although one has completed: the end of it was not the end.
   */
  async signalObserved(view: ClusterView, evenIfCompleted = !view.deleting): Promise<void> {
    await this.#retry(`tell the workflow of ${nameOf(view.identity)} what changed`, () =>
      this.#client().workflow.signalWithStart<typeof clusterCertificates, [ClusterView]>('clusterCertificates', {
        ...this.#startOptions(view),
        signal: clusterObserved,
        signalArgs: [view],
        // Once decommissioned, it stays so: a uid never comes back. What failed or was terminated is begun again.
        workflowIdReusePolicy: evenIfCompleted ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
      }),
    );
  }

  /**
   * It has vanished.
   * @param evenIfCompleted start a workflow although one has completed: something was left behind.
   */
  async signalGone(view: ClusterView, evenIfCompleted = false): Promise<void> {
    await this.#retry(`tell the workflow of ${nameOf(view.identity)} that it is gone`, () =>
      this.#client().workflow.signalWithStart<typeof clusterCertificates>('clusterCertificates', {
        ...this.#startOptions(view),
        signal: clusterGone,
        signalArgs: [],
        workflowIdReusePolicy: evenIfCompleted ? 'ALLOW_DUPLICATE' : 'ALLOW_DUPLICATE_FAILED_ONLY',
      }),
    );
  }

  /** A CertificateRequest that stood alone belongs to a ClusterDeployment. Without a workflow there is nothing to let go of. */
  async signalClaimed(request: ClusterIdentity, clusterDeployment: string): Promise<void> {
    await this.#retry(`tell the workflow of ${nameOf(request)} whose it is`, () =>
      this.#client().workflow.getHandle(clusterWorkflowId(request)).signal(requestClaimed, { clusterDeployment }),
    );
  }

  /** Look again now. A cluster whose workflow does not run has nothing to look at. */
  async signalDependencyChanged(cluster: ClusterIdentity, what: string): Promise<void> {
    await this.#retry(`wake the workflow of ${nameOf(cluster)}`, () =>
      this.#client().workflow.getHandle(clusterWorkflowId(cluster)).signal(dependencyChanged, { what }),
    );
  }

  /** The CA suggests another time for the renewal of a bundle's certificate. A cluster without a workflow renews nothing. */
  async signalRenewalWindowMoved(cluster: ClusterIdentity, bundleName: string, window: RenewalWindow): Promise<void> {
    await this.#retry(`tell the workflow of ${nameOf(cluster)} of a renewal window`, () =>
      this.#client()
        .workflow.getHandle(clusterWorkflowId(cluster))
        .signal(renewalWindowChanged, { bundleName, window }),
    );
  }

  /** The CA has revoked a bundle's certificate. A cluster without a workflow replaces nothing. */
  async signalCertificateRevoked(cluster: ClusterIdentity, bundleName: string, serialNumber: string): Promise<void> {
    await this.#retry(`tell the workflow of ${nameOf(cluster)} of a revoked certificate`, () =>
      this.#client()
        .workflow.getHandle(clusterWorkflowId(cluster))
        .signal(certificateRevoked, { bundleName, serialNumber }),
    );
  }

  /** This hub's clusters whose workflows wait for something or fail, those whose end is held up included. */
  async listWaitingOrFailing(): Promise<readonly ClusterIdentity[]> {
    const blocked = `(${CertState.name} = "Decommissioning" AND ${CertReason.name} != "Decommissioning")`;
    return await this.#list(`(${CertState.name} IN ("Waiting", "Failing") OR ${blocked})`);
  }

  /** This hub's clusters that have a running workflow. Visibility lags by a second or so. */
  async listRunning(): Promise<readonly ClusterIdentity[]> {
    return await this.#list();
  }

  /** What a cluster's workflow says of itself; undefined when none runs at this moment. */
  async describeState(cluster: ClusterIdentity): Promise<string | undefined> {
    let state: string | undefined;
    await this.#retry(`look up the workflow of ${nameOf(cluster)}`, async () => {
      const { status, typedSearchAttributes } = await this.#client()
        .workflow.getHandle(clusterWorkflowId(cluster))
        .describe();
      state = status.name === 'RUNNING' ? (typedSearchAttributes.get(CertState) ?? 'Pending') : undefined;
    });
    return state;
  }

  async #list(condition?: string): Promise<readonly ClusterIdentity[]> {
    const query =
      'WorkflowType = "clusterCertificates" AND ExecutionStatus = "Running"' +
      (condition === undefined ? '' : ` AND ${condition}`);
    let clusters: ClusterIdentity[] = [];
    await this.#retry('list the workflows of the clusters', async () => {
      clusters = [];
      const client = this.#client();
      for await (const execution of listExecutions(client, { query, pageSize: 1000 }, CALL_TIMEOUT_MS)) {
        this.#signal.throwIfAborted();
        const cluster = identityOfWorkflow(this.#managementCluster, execution);
        if (cluster !== undefined) clusters.push(cluster);
      }
    });
    return clusters;
  }

  #startOptions(view: ClusterView) {
    const { identity } = view;
    return {
      workflowId: clusterWorkflowId(identity),
      taskQueue: this.#taskQueue,
      args: [{ cluster: view }] as [{ cluster: ClusterView }],
      typedSearchAttributes: [
        { key: CertCluster, value: certClusterOf(identity) },
        { key: CertState, value: view.deleting ? 'Decommissioning' : 'Pending' },
      ],
      memo: {
        managementCluster: identity.managementCluster,
        namespace: identity.namespace,
        name: identity.name,
        uid: identity.uid,
      },
      staticSummary: `Certificates of ${nameOf(identity)} on ${identity.managementCluster}`.slice(0, 180),
    };
  }

  #withDeadline(call: () => Promise<unknown>): Promise<unknown> {
    const client = this.#client();
    return client.withDeadline(Date.now() + CALL_TIMEOUT_MS, () => client.withAbortSignal(this.#signal, call));
  }

  async #retry(what: string, call: () => Promise<unknown>): Promise<void> {
    const backoff = new Backoff(BACKOFF_MS.first, BACKOFF_MS.longest);
    for (;;) {
      this.#signal.throwIfAborted();
      try {
        await this.#withDeadline(call);
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (error instanceof WorkflowNotFoundError || error instanceof WorkflowExecutionAlreadyStartedError) return;
        const cause = error instanceof Error ? error.cause : undefined;
        const grpc = isGrpcServiceError(error) ? error : isGrpcServiceError(cause) ? cause : undefined;
        const said = grpc?.details ?? (error instanceof Error ? error.message : 'unknown reason');
        if (grpc !== undefined && NON_RETRYABLE_CODES.has(grpc.code)) {
          throw new SignalRejected(`Temporal refused to ${what}: ${said.slice(0, 500)}`, { cause: error });
        }
        if (grpc === undefined) throw error;
        if (backoff.failures + 1 >= MAX_ATTEMPTS) throw unreachable(what, said, error);
      }
      await pause(backoff.next(), this.#signal);
    }
  }
}

function nameOf(cluster: ClusterIdentity): string {
  return `${cluster.namespace}/${cluster.name}`;
}

function unreachable(what: string, said: string, cause: unknown): CertmanError {
  return new CertmanError({
    code: 'temporal/unreachable',
    message: `Temporal could not be reached to ${what}: ${said.slice(0, 500)}.`,
    remedy: 'The watch goes on from where it was, on this or another worker; nothing is missed.',
    cause,
  });
}
