import { CancellationScope, isCancellation, log, sleep, workflowInfo } from '@temporalio/workflow';
import { withoutFulfilled } from '../../src/certificates/renewal-request.ts';
import { scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import type { BundleView, ClusterView } from '../../src/clusters/cluster-view.ts';
import { type Gate, isRelocating } from '../../src/clusters/gate.ts';
import { requestName } from '../../src/clusters/request-name.ts';
import type { RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { type BundleFacts, type BundleRecord, type BundleState, factsOf } from '../../src/contract/bundle-record.ts';
import { knownFactsOf, observedFacts } from '../../src/contract/evaluation.ts';
import { reportDigest, statusReportOf } from '../../src/contract/status-report.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { RateLimitState } from '../../src/rate-limit/exact-set-limit.ts';
import { reportStatus } from '../activities.ts';
import { failureIn } from '../failures.ts';
import { Attempts } from './attempts.ts';
import { Changes } from './changes.ts';

/** A step that takes longer gets a status of its own. */
const SLOW_STEP = '30 seconds';

/** What a bundle knows of its cluster. */
export interface ClusterContext {
  readonly view: ClusterView;
  /** `<namespace>/<name>` */
  readonly name: string;
  readonly resourceKind: 'ClusterDeployment' | 'CertificateRequest';
  /** Deleted, being deleted, or gone. */
  readonly decommissioning: boolean;
  /** Decommissioning, or claimed by another workflow: bundles are not renewed any more. */
  readonly stopping: boolean;
  readonly released: boolean;
  /** Patches of the run's input. */
  readonly patches: readonly string[] | undefined;
  gate(): Gate;
  /** Applies the bundle's CertificateRequest and reads its Secret. */
  observe(bundle: Bundle): Promise<RequestObservation>;
  updateDetails(): void;
  publishSearchAttributes(): void;
}

/** Event on the cluster's resources. */
export type StatusEvent = NonNullable<StatusReport['event']>;

/** Facts that change together with the state. */
export type FactsChange = Partial<Omit<BundleFacts, 'since' | 'message'>> & Pick<BundleFacts, 'message'>;

/** A bundle whose names a certificate can have. */
export interface OrderableView extends BundleView {
  readonly names: Extract<BundleView['names'], { readonly kind: 'valid' }>;
}

/** One bundle of a cluster: its record, the one way to change its state, and the loop that runs it. */
export class Bundle {
  readonly cluster: ClusterContext;
  readonly name: string;
  readonly changes = new Changes();
  readonly attempts = new Attempts();
  released = false;
  #isShownAsSlow = false;
  #record: BundleRecord | undefined;
  #rateLimitState: RateLimitState | undefined;
  #loop: { readonly scope: CancellationScope; done: Promise<void> } | undefined;

  /** @param record of an earlier run. @param rateLimitState of an earlier bundle of this name. */
  constructor(cluster: ClusterContext, name: string, record?: BundleRecord, rateLimitState?: RateLimitState) {
    this.cluster = cluster;
    this.name = name;
    this.#record = record;
    this.#rateLimitState = rateLimitState;
  }

  /** As the cluster wants it now; undefined: it does not. */
  get wanted(): BundleView | undefined {
    return this.cluster.view.bundles.find(({ name }) => name === this.name);
  }

  /** Determines the jitter of its retries. */
  get jitterKey(): string {
    return `${this.cluster.view.identity.uid}/${this.name}`;
  }

  get isRecorded(): boolean {
    return this.#record !== undefined;
  }

  get record(): BundleRecord {
    return this.#record ?? this.#blankRecord();
  }

  /** Changes the state and shows it. @param reported digest of the report that an activity has made of it; true: of whichever it is. */
  async transition(
    state: BundleState,
    facts: FactsChange,
    event?: StatusEvent,
    reported?: string | true,
  ): Promise<void> {
    this.enter(state, facts);
    await this.show(event, reported);
  }

  /** Changes the state without showing it: for one that is shown only if it lasts, or not on the resources. */
  enter(state: BundleState, facts: FactsChange): void {
    const before = this.record;
    const since = state.state === before.state ? before.since : now();
    this.#set({ ...factsOf(before), ...facts, ...state, since });
  }

  /** Publishes search attributes, reports the status and records the Event. */
  async show(event?: StatusEvent, reported?: string | true): Promise<void> {
    this.cluster.publishSearchAttributes();
    await this.#reportStatus({ event, reported });
  }

  /** The same for a bundle that waits for its cluster. @param releasesTurn whether its order gives up its turn at the CA. */
  async showPaused(event: StatusEvent, releasesTurn: boolean): Promise<void> {
    this.cluster.publishSearchAttributes();
    await this.#reportStatus({ event, releasesTurn });
  }

  learn(facts: Partial<Omit<BundleFacts, 'since' | 'certificate'>>): void {
    this.#set({ ...this.record, ...facts });
  }

  /** Records what the Secret holds; drops facts about another certificate. */
  observe(view: OrderableView, observation: RequestObservation): void {
    const { record } = this;
    const observed = observedFacts(knownFactsOf(record), observation, Date.now());
    const { certificate } = observed;
    const facts = {
      ...observed,
      dnsNames: view.names.dnsNames,
      secretName: view.secretName,
      requestUid: observation.request.uid,
      renewalRequest: withoutFulfilled(record.renewalRequest, certificate),
    };
    if (record.state !== 'Ready') this.#set({ ...record, ...facts });
    else if (certificate !== undefined) this.#set({ ...record, ...facts, certificate });
    else this.#set({ ...factsOf(record), ...facts, state: 'Pending', since: now() });
  }

  /** Whether the last step that {@link showIfSlow} ran was shown, at whatever instant before its end. */
  get isShownAsSlow(): boolean {
    return this.#isShownAsSlow;
  }

  async showIfSlow<T>(work: () => Promise<T>): Promise<T> {
    this.#isShownAsSlow = false;
    const notice = new CancellationScope();
    const shown = notice
      .run(async () => {
        await sleep(SLOW_STEP, { summary: `write the status of ${this.name} if the step is slow` });
        this.#isShownAsSlow = true;
        await this.show();
      })
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      });
    try {
      return await work();
    } finally {
      notice.cancel();
      await shown;
    }
  }

  #set(record: BundleRecord): void {
    this.#record = record;
    this.cluster.updateDetails();
  }

  #blankRecord(): BundleRecord {
    const view = this.wanted;
    return {
      state: 'Pending',
      message: 'Seen; nothing has been done yet.',
      since: now(),
      secretName: view?.secretName ?? '',
      requestName: view?.requestName ?? requestName(this.cluster.view.identity.name, this.name),
      dnsNames: view?.names.kind === 'valid' ? view.names.dnsNames : [],
      orders: 0,
      issued: [],
      rateLimitState: this.#rateLimitState,
    };
  }

  /** A failure is recorded until a later write succeeds, for the Web UI and the CLI. */
  async #reportStatus({ event, reported, releasesTurn }: ShownWith): Promise<void> {
    const report = statusReportOf(this.name, this.record, workflowInfo().workflowId, Date.now());
    try {
      const isSame = event === undefined && reported !== undefined && reported === reportDigest(report);
      if (reported !== true && !isSame) {
        const { identity } = this.cluster.view;
        const releases = releasesTurn === true ? ({ releasesTurn } as const) : {};
        await reportStatus({ cluster: identity, report: { ...report, event }, ...releases });
      }
      this.#recordStatusWrite(undefined);
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.#recordStatusWrite(failureIn(error));
    }
  }

  #recordStatusWrite(failure: FailureInfo | undefined): void {
    const { statusWriteError: previous } = this.record;
    // The controller signals that a resource is gone.
    if (failure === undefined || failure.code === 'kubernetes/notFound') {
      if (previous !== undefined) this.learn({ statusWriteError: undefined });
      return;
    }
    const statusWriteError = scheduleRetry(failure, Date.now(), `${this.jitterKey}/status`, previous);
    log.warn('A status could not be written', { bundle: this.name, ...statusWriteError });
    this.learn({ statusWriteError });
  }

  /** When a status that could not be written is written again (epoch milliseconds); undefined: not by itself. */
  get statusRetryAt(): number | undefined {
    const { statusWriteError } = this.record;
    if (statusWriteError === undefined || isRelocating(this.cluster.gate())) return undefined;
    return Date.parse(statusWriteError.nextAttempt);
  }

  get isRunning(): boolean {
    return this.#loop !== undefined;
  }

  /** Starts the loop. An error that it throws is a defect: left unhandled, it fails the workflow task visibly. */
  start(work: () => Promise<void>): void {
    const loop = { scope: new CancellationScope(), done: Promise.resolve() };
    // Set before the work starts, which may sleep before this returns.
    this.#loop = loop;
    loop.done = loop.scope
      .run(work)
      .catch((error: unknown) => {
        if (!isCancellation(error)) throw error;
      })
      .finally(() => {
        this.#loop = undefined;
      });
  }

  /** Cancels the loop and waits until what was under way has cleaned up. */
  async stop(): Promise<void> {
    this.#loop?.scope.cancel();
    await this.#loop?.done;
  }
}

/** What a status is shown with. */
interface ShownWith {
  readonly event?: StatusEvent | undefined;
  readonly reported?: string | true | undefined;
  readonly releasesTurn?: boolean;
}

function now(): string {
  return new Date(Date.now()).toISOString();
}
