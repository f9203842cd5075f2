/** Everything a cluster's workflow knows, what the messages change in it, and which of its bundles are being served. */
import { setCurrentDetails, upsertSearchAttributes, type WorkflowInfo, workflowInfo } from '@temporalio/workflow';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { requestName } from '../../src/certificates/request-name.ts';
import { detailsPage } from '../../src/certificates/status-wording.ts';
import type { BundleView, ClusterView } from '../../src/clusters/cluster-view.ts';
import { sameView } from '../../src/clusters/digest.ts';
import { type Gate, gateOf } from '../../src/clusters/gates.ts';
import {
  type BundleRecord,
  CertState,
  type ClusterCertificatesInput,
  type ClusterStatus,
  type DecommissionStarted,
} from '../contract.ts';
import { Attempts } from './attempts.ts';
import { BundleRecords, blankRecord, type RecordChange } from './bundle-records.ts';
import { FinalizerTries } from './finalizer-tries.ts';
import { mostUrgent, reasonShown } from './fleet-attributes.ts';
import { LettingGo } from './letting-go.ts';
import { Services } from './services.ts';
import { attributesOf, situationOf } from './situation.ts';

/** Renewal cycles after which a run is closed and a fresh one begun: history stays that of a cycle. */
const CYCLES_PER_RUN = 1;

export class ClusterState {
  #view: ClusterView;
  #gone: boolean;
  readonly #records: BundleRecords;
  #endingStarted: DecommissionStarted | undefined;
  #claimedBy: string | undefined;
  readonly services = new Services();
  /** Counts what happened to a bundle from outside; a bundle that has seen the latest count has nothing left to look at. */
  readonly #changes = new Map<string, number>();
  readonly attempts = new Attempts();
  readonly lettingGo = new LettingGo();
  readonly finalizerTries = new FinalizerTries();
  #everyChange = 0;
  #cycles = 0;
  #shown = '';

  constructor(input: ClusterCertificatesInput) {
    this.#view = input.cluster;
    this.#gone = input.carried?.gone ?? false;
    this.#endingStarted = input.carried?.ending;
    this.#records = new BundleRecords(input.carried);
  }

  get view(): ClusterView {
    return this.#view;
  }

  get name(): string {
    return `${this.#view.identity.namespace}/${this.#view.identity.name}`;
  }

  /** What is served: a cluster's ClusterDeployment, or a CertificateRequest that stands alone. */
  get servedKind(): 'ClusterDeployment' | 'CertificateRequest' {
    return this.#view.identity.kind ?? 'ClusterDeployment';
  }

  /** Deleted, being deleted, or vanished: from here on there is only the end. */
  get ending(): boolean {
    return this.#gone || this.#view.deleting;
  }

  /** Whether it is served no longer: its end has come, or another workflow has taken it over. */
  get leaving(): boolean {
    return this.ending || this.#claimedBy !== undefined;
  }

  get gone(): boolean {
    return this.#gone;
  }

  gate(): Gate {
    return gateOf(this.#view);
  }

  // --- what the messages do ---

  observe(view: ClusterView): void {
    // The API server sends states in order; a signal late by a retry must not bring back what is over.
    if (this.#view.deleting && !view.deleting) return;
    // What becomes of it is the business of whoever has taken it over.
    if (this.#claimedBy !== undefined) return;
    if (sameView(this.#view, view)) return;
    this.#view = view;
    const served = this.gate().kind === 'serve';
    this.attempts.cutShort((name) => (served ? this.bundle(name) : undefined));
    this.#touchAll();
  }

  observeGone(): void {
    if (this.#claimedBy !== undefined) return;
    this.#gone = true;
    this.#touchAll();
  }

  observeSurroundings(_what: string): void {
    this.#touchAll();
  }

  /** What the CA says of another certificate than the one in place is of no consequence. */
  async observeWindow(bundleName: string, window: RenewalWindow): Promise<void> {
    await this.attempts.noneUnderWay(bundleName);
    if (this.record(bundleName).certificate?.certId !== window.certId) return;
    this.update(bundleName, { suggestedWindow: window });
    this.#touch(bundleName);
  }

  async observeRevoked(bundleName: string, serialNumber: string): Promise<void> {
    await this.attempts.noneUnderWay(bundleName);
    if (this.record(bundleName).certificate?.serialNumber !== serialNumber) return;
    this.update(bundleName, { revoked: serialNumber });
    this.#touch(bundleName);
  }

  /** The ClusterDeployment whose workflow has taken this request over, where one has. */
  get claimedBy(): string | undefined {
    return this.#claimedBy;
  }

  /** What has begun to end comes to its end. */
  observeClaim(clusterDeployment: string): void {
    if (this.ending) return;
    this.#claimedBy = clusterDeployment;
    this.#touchAll();
    this.show();
  }

  /** The whole cluster where that is ending, else the bundles whose end has begun. */
  letGo(): void {
    if (this.ending) {
      this.lettingGo.ofWholeCluster();
      this.#touchAll();
      return;
    }
    for (const name of this.endingBundles()) {
      this.lettingGo.ofBundle(name);
      this.#touch(name);
    }
  }

  requestRenewal(bundleName: string): void {
    if (this.attempts.request(bundleName)) this.#touch(bundleName);
  }

  #touchAll(): void {
    this.#everyChange += 1;
    for (const name of this.knownBundles()) this.#touch(name);
  }

  #touch(bundleName: string): void {
    this.#changes.set(bundleName, this.changesOf(bundleName) + 1);
    this.services.rest(bundleName, false);
  }

  /** @param bundleName undefined: what concerns the cluster as a whole. */
  changesOf(bundleName: string | undefined): number {
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
  unwantedBundles(): readonly string[] {
    const wanted = new Set(this.wantedBundles());
    return this.#records.names().filter((name) => !wanted.has(name));
  }

  /** Bundles whose end has begun, with the cluster's or by itself. */
  endingBundles(): readonly string[] {
    if (this.ending) return this.knownBundles();
    return this.unwantedBundles().filter((name) => this.record(name).ending !== undefined);
  }

  knownBundles(): readonly string[] {
    return [...new Set([...this.wantedBundles(), ...this.#records.names()])];
  }

  record(name: string): BundleRecord {
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const bundle = this.bundle(name);
    const allowances = this.#records.allowancesOf(name);
    const blank = blankRecord(bundle?.requestName ?? requestName(this.#view.identity.name, name), bundle);
    return allowances === undefined ? blank : { ...blank, allowances };
  }

  update(name: string, change: RecordChange): BundleRecord {
    const after = this.#records.change(name, this.record(name), change);
    this.show();
    return after;
  }

  forget(name: string): void {
    this.#records.forget(name);
    this.attempts.forget(name);
    this.show();
  }

  renewalFinished(): void {
    this.#cycles += 1;
  }

  // --- who is being served ---

  /** Whether some bundle waits for somebody to serve or retire it. */
  bundlesToServe(): boolean {
    return this.knownBundles().some((name) => !this.services.has(name));
  }

  // --- continuing as new ---

  mayContinueAsNew(info: WorkflowInfo): boolean {
    if (this.leaving || this.attempts.anyRequested()) return false;
    if (this.#cycles < CYCLES_PER_RUN && !info.continueAsNewSuggested) return false;
    return !this.bundlesToServe() && this.services.allAtRest();
  }

  asInput(): ClusterCertificatesInput {
    return {
      cluster: this.#view,
      carried: {
        ...this.#records.carried(),
        gone: this.#gone,
        ...(this.#endingStarted === undefined ? {} : { ending: this.#endingStarted }),
      },
    };
  }

  // --- the end ---

  get endingStarted(): DecommissionStarted | undefined {
    return this.#endingStarted;
  }

  startEnding(started: DecommissionStarted): void {
    this.#endingStarted = started;
  }

  // --- what is shown ---

  status(): ClusterStatus {
    return {
      cluster: this.#view,
      decommissioning: this.ending,
      ...(this.#endingStarted === undefined ? {} : { ending: this.#endingStarted }),
      bundles: this.#records.byName(),
    };
  }

  /** Puts the present state into the details page at once, which costs nothing. */
  show(): void {
    const situation = situationOf(this.#view, { gone: this.#gone, claimedBy: this.#claimedBy });
    setCurrentDetails(detailsPage(this.name, situation, this.#records.byName()));
  }

  /** Puts the most urgent bundle's state into the search attributes; each change is an event, so only what differs is sent. */
  publishAttributes(): void {
    const shown = mostUrgent(this.#records.values());
    if (shown === undefined) {
      // A cluster without bundles must not look as if nobody dealt with its end.
      if (this.ending) upsertSearchAttributes([{ key: CertState, value: 'Decommissioning' }]);
      return;
    }
    const fingerprint = JSON.stringify([shown, reasonShown(shown)]);
    if (fingerprint === this.#shown) return;
    this.#shown = fingerprint;
    upsertSearchAttributes(attributesOf(shown));
  }

  workflowId(): string {
    return workflowInfo().workflowId;
  }
}
