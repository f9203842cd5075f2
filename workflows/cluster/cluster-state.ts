/** Everything a cluster's workflow knows, what the messages change in it, and which of its bundles are being served. */
import { setCurrentDetails, upsertSearchAttributes, type WorkflowInfo, workflowInfo } from '@temporalio/workflow';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { workflowDetails } from '../../src/certificates/status-messages.ts';
import { type BundleView, type ClusterView, requestName, sameView } from '../../src/clusters/cluster-view.ts';
import { type Gate, gateOf } from '../../src/clusters/gate.ts';
import { type BundleRecord, type DecommissionStarted } from '../../src/contract/bundle-record.ts';
import { type ClusterCertificatesInput, type ClusterStatus } from '../../src/contract/cluster-certificates.ts';
import { CertState } from '../../src/contract/search-attributes.ts';
import { Attempts } from './attempts.ts';
import { BundleLoops } from './bundle-loops.ts';
import { BundleRecords, blankRecord, type RecordChange } from './bundle-records.ts';
import { clusterSummary, searchAttributesOf } from './cluster-summary.ts';
import { FinalizerAttempts } from './finalizer-attempts.ts';
import { ReleaseRequests } from './release.ts';
import { mostUrgent, reasonAttribute } from './search-attributes.ts';

/** Renewal cycles after which a run is closed and a fresh one begun: history stays that of a cycle. */
const MAX_RENEWALS_PER_RUN = 1;

export class ClusterState {
  #view: ClusterView;
  #gone: boolean;
  readonly #records: BundleRecords;
  #endingStarted: DecommissionStarted | undefined;
  #claimedBy: string | undefined;
  readonly loops = new BundleLoops();
  /** Counts what happened to a bundle from outside; a bundle that has seen the latest count has nothing left to look at. */
  readonly #changes = new Map<string, number>();
  readonly attempts = new Attempts();
  readonly releaseRequests = new ReleaseRequests();
  readonly finalizerAttempts = new FinalizerAttempts();
  #everyChange = 0;
  #cycles = 0;
  #shown = '';

  constructor(input: ClusterCertificatesInput) {
    this.#view = input.cluster;
    this.#gone = input.carried?.gone ?? false;
    this.#endingStarted = input.carried?.decommissionStarted;
    this.#records = new BundleRecords(input.carried);
  }

  get view(): ClusterView {
    return this.#view;
  }

  get name(): string {
    return `${this.#view.identity.namespace}/${this.#view.identity.name}`;
  }

  /** What is served: a cluster's ClusterDeployment, or a CertificateRequest that stands alone. */
  get resourceKind(): 'ClusterDeployment' | 'CertificateRequest' {
    return this.#view.identity.kind ?? 'ClusterDeployment';
  }

  /** Deleted, being deleted, or vanished: from here on there is only the end. */
  get decommissioning(): boolean {
    return this.#gone || this.#view.deleting;
  }

  /** Whether it is served no longer: its end has come, or another workflow has taken it over. */
  get stopping(): boolean {
    return this.decommissioning || this.#claimedBy !== undefined;
  }

  get gone(): boolean {
    return this.#gone;
  }

  gate(): Gate {
    return gateOf(this.#view);
  }

  // --- what the messages do ---

  onClusterObserved(view: ClusterView): void {
    // The API server sends states in order; a signal late by a retry must not bring back what is over.
    if (this.#view.deleting && !view.deleting) return;
    // What becomes of it is the business of whoever has taken it over.
    if (this.#claimedBy !== undefined) return;
    if (sameView(this.#view, view)) return;
    this.#view = view;
    const served = this.gate().kind === 'serve';
    this.attempts.cancelOutdated((name) => (served ? this.bundle(name) : undefined));
    this.#touchAll();
  }

  onClusterGone(): void {
    if (this.#claimedBy !== undefined) return;
    this.#gone = true;
    this.#touchAll();
  }

  onDependencyChanged(_what: string): void {
    this.#touchAll();
  }

  /** What the CA says of another certificate than the one in place is of no consequence. */
  async onRenewalWindowChanged(bundleName: string, window: RenewalWindow): Promise<void> {
    await this.attempts.waitUntilIdle(bundleName);
    if (this.record(bundleName).certificate?.certId !== window.certId) return;
    this.update(bundleName, { suggestedWindow: window });
    this.#touch(bundleName);
  }

  async onCertificateRevoked(bundleName: string, serialNumber: string): Promise<void> {
    await this.attempts.waitUntilIdle(bundleName);
    if (this.record(bundleName).certificate?.serialNumber !== serialNumber) return;
    this.update(bundleName, { revokedSerialNumber: serialNumber });
    this.#touch(bundleName);
  }

  /** The ClusterDeployment whose workflow has taken this request over, where one has. */
  get claimedBy(): string | undefined {
    return this.#claimedBy;
  }

  /** What has begun to end comes to its end. */
  onRequestClaimed(clusterDeployment: string): void {
    if (this.decommissioning) return;
    this.#claimedBy = clusterDeployment;
    this.#touchAll();
    this.updateDetails();
  }

  /** The whole cluster where that is ending, else the bundles whose end has begun. */
  requestRelease(): void {
    if (this.decommissioning) {
      this.releaseRequests.addCluster();
      this.#touchAll();
      return;
    }
    for (const name of this.decommissioningBundles()) {
      this.releaseRequests.addBundle(name);
      this.#touch(name);
    }
  }

  requestRenewal(bundleName: string): void {
    if (this.attempts.request(bundleName)) this.#touch(bundleName);
  }

  #touchAll(): void {
    this.#everyChange += 1;
    for (const name of this.allBundles()) this.#touch(name);
  }

  #touch(bundleName: string): void {
    this.#changes.set(bundleName, this.changeCount(bundleName) + 1);
    this.loops.setSleeping(bundleName, false);
  }

  /** @param bundleName undefined: what concerns the cluster as a whole. */
  changeCount(bundleName: string | undefined): number {
    return bundleName === undefined ? this.#everyChange : (this.#changes.get(bundleName) ?? 0);
  }

  // --- bundles ---

  bundle(name: string): BundleView | undefined {
    return this.#view.bundles.find((bundle) => bundle.name === name);
  }

  wantedBundles(): readonly string[] {
    return this.#view.bundles.map((bundle) => bundle.name);
  }

  /** Bundles we have dealt with that the ClusterDeployment no longer asks for. */
  removedBundles(): readonly string[] {
    const wanted = new Set(this.wantedBundles());
    return this.#records.names().filter((name) => !wanted.has(name));
  }

  /** Bundles whose end has begun, with the cluster's or by itself. */
  decommissioningBundles(): readonly string[] {
    if (this.decommissioning) return this.allBundles();
    return this.removedBundles().filter((name) => this.record(name).decommissionStarted !== undefined);
  }

  allBundles(): readonly string[] {
    return [...new Set([...this.wantedBundles(), ...this.#records.names()])];
  }

  record(name: string): BundleRecord {
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const bundle = this.bundle(name);
    const rateLimitState = this.#records.rateLimitStateOf(name);
    const blank = blankRecord(bundle?.requestName ?? requestName(this.#view.identity.name, name), bundle);
    return rateLimitState === undefined ? blank : { ...blank, rateLimitState };
  }

  update(name: string, change: RecordChange): BundleRecord {
    const after = this.#records.update(name, this.record(name), change);
    this.updateDetails();
    return after;
  }

  forget(name: string): void {
    this.#records.forget(name);
    this.attempts.forget(name);
    this.updateDetails();
  }

  countRenewal(): void {
    this.#cycles += 1;
  }

  // --- who is being served ---

  /** Whether some bundle waits for somebody to serve or retire it. */
  hasBundlesToStart(): boolean {
    return this.allBundles().some((name) => !this.loops.has(name));
  }

  // --- continuing as new ---

  mayContinueAsNew(info: WorkflowInfo): boolean {
    if (this.stopping || this.attempts.hasRequests()) return false;
    if (this.#cycles < MAX_RENEWALS_PER_RUN && !info.continueAsNewSuggested) return false;
    return !this.hasBundlesToStart() && this.loops.allSleeping();
  }

  continueAsNewInput(): ClusterCertificatesInput {
    return {
      cluster: this.#view,
      carried: {
        ...this.#records.toCarriedState(),
        gone: this.#gone,
        ...(this.#endingStarted === undefined ? {} : { decommissionStarted: this.#endingStarted }),
      },
    };
  }

  // --- the end ---

  get decommissionStarted(): DecommissionStarted | undefined {
    return this.#endingStarted;
  }

  startDecommission(started: DecommissionStarted): void {
    this.#endingStarted = started;
  }

  // --- what is shown ---

  status(): ClusterStatus {
    return {
      cluster: this.#view,
      decommissioning: this.decommissioning,
      ...(this.#endingStarted === undefined ? {} : { decommissionStarted: this.#endingStarted }),
      bundles: this.#records.byName(),
    };
  }

  /** Puts the present state into the details page at once, which costs nothing. */
  updateDetails(): void {
    const situation = clusterSummary(this.#view, { gone: this.#gone, claimedBy: this.#claimedBy });
    setCurrentDetails(workflowDetails(this.name, situation, this.#records.byName()));
  }

  /** Puts the most urgent bundle's state into the search attributes; each change is an event, so only what differs is sent. */
  publishSearchAttributes(): void {
    const shown = mostUrgent(this.#records.values());
    if (shown === undefined) {
      // A cluster without bundles must not look as if nobody dealt with its end.
      if (this.decommissioning) upsertSearchAttributes([{ key: CertState, value: 'Decommissioning' }]);
      return;
    }
    const fingerprint = JSON.stringify([shown, reasonAttribute(shown)]);
    if (fingerprint === this.#shown) return;
    this.#shown = fingerprint;
    upsertSearchAttributes(searchAttributesOf(shown));
  }

  workflowId(): string {
    return workflowInfo().workflowId;
  }
}
