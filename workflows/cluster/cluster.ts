import {
  CancellationScope,
  log,
  patched,
  setCurrentDetails,
  upsertMemo,
  upsertSearchAttributes,
  workflowInfo,
} from '@temporalio/workflow';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { isSameObject } from '../../src/clusters/cluster-identity.ts';
import { type ClusterView, clusterDigest, isOlderView, sameView } from '../../src/clusters/cluster-view.ts';
import { type Gate, gateOf, isUsedElsewhere } from '../../src/clusters/gate.ts';
import type { RequestObservation } from '../../src/contract/activities/kubernetes.ts';
import { type BundleRecord, type DecommissionStarted, reasonOf } from '../../src/contract/bundle-record.ts';
import type { CampaignRequest } from '../../src/contract/campaign-request.ts';
import type {
  ClusterCertificatesInput,
  ClusterStatus,
  HandedOverCertificates,
  OrderMove,
  ReleaseResult,
  RequestClaim,
} from '../../src/contract/cluster-certificates.ts';
import { VIEW_DIGEST, viewDigestIn } from '../../src/contract/cluster-memo.ts';
import { ALSO_PUBLISHED, BUNDLES_TOGETHER, FIRST_TASK, patchesOfInput } from '../../src/contract/patches.ts';
import type { RenewalWithdrawal } from '../../src/contract/renewal-withdrawal.ts';
import type { RevocationRequest } from '../../src/contract/revocation-request.ts';
import type { RateLimitState } from '../../src/rate-limit/exact-set-limit.ts';
import { hasPatch } from '../has-patch.ts';
import { Bundle, type ClusterContext } from './bundle.ts';
import { acceptCampaign, withdrawCampaigns } from './campaigns.ts';
import { Changes } from './changes.ts';
import { endOfTask } from './end-of-task.ts';
import { acceptRequests } from './handed-over-requests.ts';
import { moveTurn } from './move-turn.ts';
import { observeAlone } from './observe-alone.ts';
import { ObserveTogether } from './observe-together.ts';
import { acceptRevocation } from './revocations.ts';
import { clusterDetails, hasAlso, mainAttributesOf, searchAttributesOf, situationMessage } from './visibility.ts';
import { withdrawRenewal } from './withdraw-renewal.ts';

/** Renewals after which a run continues as new: its history is that of one renewal cycle. */
const MAX_RENEWALS_PER_RUN = 1;

/** Decommissioned bundles whose rate limit use is remembered. */
const MAX_FORGOTTEN_BUNDLES = 10;

/** Certificates of a bundle, as JSON: a tenth of what a payload may have. */
const MAX_HANDED_OVER_LENGTH = 200_000;

/** The part of a release result that is about the finalizer. */
export type FinalizerResult = Pick<ReleaseResult, 'finalizer' | 'blockedBy'>;

/** Attempts of this run at removing the finalizer, one at a time. */
interface FinalizerAttempts {
  started: number;
  finished: number;
  lastResult?: FinalizerResult;
}

/** A cluster's workflow state: its view, its bundles, what messages change, what the next run gets. */
export class ClusterCertificates implements ClusterContext {
  view: ClusterView;
  claim: RequestClaim | undefined;
  #gone: boolean;
  readonly #bundles = new Map<string, Bundle>();
  /** Of bundles without a record, which must not exceed the limit by being added again. Oldest first. */
  readonly #rateLimitState: Map<string, RateLimitState>;
  readonly changes = new Changes();
  readonly finalizerAttempts: FinalizerAttempts = { started: 0, finished: 0 };
  decommissionStarted: DecommissionStarted | undefined;
  released = false;
  #forgottenRenewals = 0;
  /** `all` is undefined where the run may not have published what it has beside the main ones. */
  #published: { readonly main: string; readonly all: string | undefined } | undefined;
  readonly patches: readonly string[] | undefined;
  /** Whether it is observed inside its first workflow task. */
  readonly #inFirstTask: boolean;
  /** Undefined in a run that started before it. */
  readonly #together: ObserveTogether | undefined;
  readonly #isNew: boolean;
  #publishing = false;

  constructor({ cluster, carried, patches }: ClusterCertificatesInput) {
    this.patches = patchesOfInput(patches);
    this.#inFirstTask = hasPatch(FIRST_TASK, this.patches);
    this.#together = this.#inFirstTask || patched(BUNDLES_TOGETHER) ? new ObserveTogether(this) : undefined;
    this.view = cluster;
    this.#isNew = carried === undefined;
    this.#gone = carried?.gone ?? false;
    this.decommissionStarted = carried?.decommissionStarted;
    this.#rateLimitState = new Map(Object.entries(carried?.rateLimitState ?? {}));
    for (const [name, record] of Object.entries(carried?.bundles ?? {}))
      this.#bundles.set(name, new Bundle(this, name, record));
    this.#addWantedBundles();
  }

  get name(): string {
    return `${this.view.identity.namespace}/${this.view.identity.name}`;
  }

  get resourceKind(): 'ClusterDeployment' | 'CertificateRequest' {
    return this.view.identity.kind ?? 'ClusterDeployment';
  }

  /** Name of the ClusterDeployment that has claimed the standalone request. */
  get claimedBy(): string | undefined {
    return this.claim?.clusterDeployment;
  }

  get decommissioning(): boolean {
    return this.#gone || this.gate().kind === 'decommission';
  }

  get stopping(): boolean {
    return this.decommissioning || this.claimedBy !== undefined;
  }

  gate(): Gate {
    return gateOf(this.view);
  }

  observe(bundle: Bundle): Promise<RequestObservation> {
    return this.#together === undefined ? observeAlone(bundle) : this.#together.observe(bundle);
  }

  /** Observes the bundles of a new cluster before their loops start. */
  async observeFirst(): Promise<void> {
    const bundles = this.wantedBundles();
    if (!this.#inFirstTask || !this.#isNew || bundles.length === 0) return;
    if (this.stopping || this.gate().kind !== 'serve') return;
    await this.#together?.observeFirst(bundles);
  }

  onClusterObserved(view: ClusterView): void {
    // Signals can arrive out of order after a retry, or late from a controller that was cut off. A deletion is final, and
    // no move starts after it.
    const before = this.view;
    if (!isSameObject(view.identity, before.identity)) {
      log.warn('The view of another object was dropped', { ...view.identity });
      return;
    }
    const isLate = before.relocation !== 'outgoing' && view.relocation === 'outgoing';
    if (before.deleting && (isLate || !view.deleting)) return;
    if (this.claimedBy !== undefined || isOlderView(view, before)) return;
    const isSame = sameView(before, view);
    this.view = view;
    this.#publishViewDigest();
    if (isSame) return;
    this.#addWantedBundles();
    const isServed = this.gate().kind === 'serve';
    for (const bundle of this.#bundles.values()) bundle.attempts.cancelIfOutdated(isServed ? bundle.wanted : undefined);
    this.notifyAll();
  }

  onClusterGone(): void {
    if (this.claimedBy !== undefined) return;
    this.#gone = true;
    this.notifyAll();
  }

  async onRenewalWindowChanged(bundleName: string, window: RenewalWindow): Promise<void> {
    const bundle = this.#bundles.get(bundleName);
    await bundle?.attempts.waitUntilIdle();
    if (bundle?.record.certificate?.certId !== window.certId) return;
    bundle.learn({ suggestedWindow: window });
    bundle.changes.notify();
  }

  async onCertificateRevoked(bundleName: string, serialNumber: string): Promise<void> {
    const bundle = this.#bundles.get(bundleName);
    await bundle?.attempts.waitUntilIdle();
    if (bundle?.record.certificate?.serialNumber !== serialNumber) return;
    bundle.learn({ revokedSerialNumber: serialNumber });
    bundle.changes.notify();
  }

  onOrderMoved(move: OrderMove): void {
    const bundle = this.#bundles.get(move.bundleName);
    if (bundle !== undefined) moveTurn(bundle, move);
  }

  async onCampaignRequested(request: CampaignRequest): Promise<void> {
    // The name of a CertificateRequest, by which a campaign selects, is in lower case.
    const wanted = request.bundleName.toLowerCase();
    const bundle = [...this.#bundles.values()].find(({ name }) => name.toLowerCase() === wanted);
    await acceptCampaign({ name: this.name, refusal: this.stoppingReason }, bundle, request);
  }

  onRevocationRequested(request: RevocationRequest): void {
    if (this.stopping) return;
    acceptRevocation(this.#bundles.get(request.bundleName), request);
  }

  onRenewalWithdrawn(withdrawal: RenewalWithdrawal): void {
    if (this.stopping) return;
    for (const name of withdrawal.bundleNames) {
      const bundle = this.#bundles.get(name);
      if (bundle !== undefined) withdrawRenewal(bundle);
    }
  }

  onCampaignWithdrawn(wave: string): void {
    for (const bundle of this.#bundles.values()) withdrawCampaigns(bundle, wave);
  }

  /** Why its certificates are not renewed any more, as a sentence; undefined: they are. */
  get stoppingReason(): string | undefined {
    if (this.claimedBy !== undefined) return `${this.name} belongs to ClusterDeployment ${this.claimedBy} now.`;
    if (!this.decommissioning) return undefined;
    if (!isUsedElsewhere(this.view)) return `${this.name} is being deleted.`;
    return `${this.name} has moved to another management cluster, where its certificates are in use: replace them there.`;
  }

  onRequestClaimed(claim: RequestClaim): void {
    if (this.decommissioning) return;
    this.claim = claim;
    this.notifyAll();
    this.updateDetails();
  }

  onCertificatesHandedOver({ requestName, issued, unclaimedOrders, requests }: HandedOverCertificates): void {
    const bundle = [...this.#bundles.values()].find(({ record }) => record.requestName === requestName);
    if (bundle === undefined) return;
    const { record } = bundle;
    const known = new Set(record.issued.map(({ serialNumber }) => serialNumber));
    const orders = new Set([...(record.unclaimedOrders ?? []), ...unclaimedOrders]);
    const facts = {
      issued: [...issued.filter(({ serialNumber }) => !known.has(serialNumber)), ...record.issued],
      unclaimedOrders: orders.size === 0 ? undefined : [...orders],
    };
    // Repeated with ever others, they would come to more than the next run can be given.
    if (JSON.stringify(facts).length > MAX_HANDED_OVER_LENGTH)
      log.warn('Too many certificates were handed over', { bundle: bundle.name, issued: issued.length });
    else bundle.learn(facts);
    if (requests !== undefined) acceptRequests(bundle, requests);
  }

  onRelease(): void {
    if (this.decommissioning) {
      this.released = true;
      this.notifyAll();
      return;
    }
    for (const bundle of this.decommissioningBundles()) {
      bundle.released = true;
      bundle.changes.notify();
    }
  }

  /** Has every bundle, and a decommission, re-evaluated now. */
  notifyAll(): void {
    this.changes.notify();
    for (const bundle of this.#bundles.values()) bundle.changes.notify();
  }

  #addWantedBundles(): void {
    for (const { name } of this.view.bundles) {
      if (this.#bundles.has(name)) continue;
      this.#bundles.set(name, new Bundle(this, name, undefined, this.#rateLimitState.get(name)));
    }
  }

  /** Bundles that are wanted, and those that something was done for. */
  bundles(): readonly Bundle[] {
    return [...this.#bundles.values()].filter((bundle) => bundle.wanted !== undefined || bundle.isRecorded);
  }

  wantedBundles(): readonly Bundle[] {
    return this.bundles().filter(({ wanted }) => wanted !== undefined);
  }

  /** Bundles whose decommission has started, with the cluster's or because they were removed. */
  decommissioningBundles(): readonly Bundle[] {
    if (this.decommissioning) return this.bundles();
    return this.bundles().filter(({ wanted, record }) => wanted === undefined && record.state === 'Decommissioning');
  }

  /** Forgets a decommissioned bundle, unless it is wanted again. */
  forget(bundle: Bundle): void {
    if (bundle.wanted !== undefined) return;
    const { name, record } = bundle;
    this.#bundles.delete(name);
    this.#forgottenRenewals += bundle.attempts.renewals;
    for (const recorded of [name, ...Object.keys(this.#records())]) this.#rateLimitState.delete(recorded);
    if (record.rateLimitState !== undefined) this.#rateLimitState.set(name, record.rateLimitState);
    for (const oldest of [...this.#rateLimitState.keys()].slice(0, -MAX_FORGOTTEN_BUNDLES))
      this.#rateLimitState.delete(oldest);
    this.updateDetails();
  }

  startBundles(run: (bundle: Bundle) => Promise<void>): void {
    for (const bundle of this.bundles()) if (!bundle.isRunning) bundle.start(() => run(bundle));
  }

  hasBundlesToStart(): boolean {
    return this.bundles().some(({ isRunning }) => !isRunning);
  }

  async stopBundles(): Promise<void> {
    await Promise.all([...this.#bundles.values()].map((bundle) => bundle.stop()));
  }

  mayContinueAsNew(): boolean {
    const bundles = this.bundles();
    if (this.stopping || bundles.some(({ attempts }) => attempts.requested)) return false;
    const renewals = bundles.reduce((sum, { attempts }) => sum + attempts.renewals, this.#forgottenRenewals);
    if (renewals < MAX_RENEWALS_PER_RUN && !workflowInfo().continueAsNewSuggested) return false;
    // The loop of a bundle that was removed before anything was recorded may still wait for an activity.
    const sleeping = [...this.#bundles.values()].every(({ isRunning, changes }) => !isRunning || changes.sleeping);
    return sleeping && bundles.every(({ isRunning }) => isRunning);
  }

  continueAsNewInput(): ClusterCertificatesInput {
    const used = [...this.#rateLimitState].filter(
      ([name, sets]) =>
        this.#bundles.get(name)?.isRecorded !== true &&
        sets.some(({ theoreticalArrival }) => Date.parse(theoreticalArrival) > Date.now()),
    );
    return {
      cluster: this.view,
      carried: {
        bundles: this.#records(),
        rateLimitState: used.length === 0 ? undefined : Object.fromEntries(used),
        gone: this.#gone,
        decommissionStarted: this.decommissionStarted,
      },
      patches: this.patches,
    };
  }

  #records(): Readonly<Record<string, BundleRecord>> {
    const recorded = [...this.#bundles.values()].filter(({ isRecorded }) => isRecorded);
    return Object.fromEntries(recorded.map(({ name, record }) => [name, record]));
  }

  status(): ClusterStatus {
    return {
      cluster: this.view,
      decommissioning: this.decommissioning,
      decommissionStarted: this.decommissionStarted,
      bundles: this.#records(),
    };
  }

  /** Updates the details page, which costs no event. */
  updateDetails(): void {
    const situation = situationMessage(this.view, this.#gone, this.claimedBy);
    setCurrentDetails(clusterDetails(this.name, situation, this.#records()));
  }

  /** Shows the resync which view was observed last. A run that the controller did not start has no digest in its memo. */
  #publishViewDigest(): void {
    const published = viewDigestIn(workflowInfo().memo);
    const viewDigest = clusterDigest(this.view);
    if (published !== undefined && published !== viewDigest) upsertMemo({ [VIEW_DIGEST]: viewDigest });
  }

  /** Publishes search attributes: once for all changes of a workflow task, before it ends. */
  publishSearchAttributes(): void {
    if (this.#together === undefined) return this.#upsertSearchAttributes();
    if (this.#publishing) return;
    this.#publishing = true;
    void CancellationScope.nonCancellable(async () => {
      await endOfTask();
      this.finishPublishing();
    });
  }

  /** At the end of a run, too, which ends its last task. */
  finishPublishing(): void {
    if (!this.#publishing) return;
    this.#publishing = false;
    this.#upsertSearchAttributes();
  }

  /**
   * Each upsert is an event, so nothing is sent when nothing changed. What has a failure, or is in another state, was always
   * compared; the rest, which needs a marker, is compared only where that is the same. The marker also says whether an upsert had
   * `CertAlso`: one by an earlier version had not, and is repeated where there is something.
   */
  #upsertSearchAttributes(): void {
    const records = this.#records();
    const attributes = searchAttributesOf(records, this.decommissioning);
    if (attributes.length === 0) return;
    const main = JSON.stringify(mainAttributesOf(records, this.decommissioning, reasonOf));
    const all = JSON.stringify(attributes);
    const isSame = main === this.#published?.main;
    if (isSame && (all === this.#published?.all || !patched(ALSO_PUBLISHED))) return;
    const hasAll = isSame || !hasAlso(attributes) || patched(ALSO_PUBLISHED);
    this.#published = { main, all: hasAll ? all : undefined };
    upsertSearchAttributes(attributes);
  }
}
