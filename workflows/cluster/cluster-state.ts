/** Everything a cluster's workflow knows, what the messages change in it, and which of its bundles are being served. */
import {
  CancellationScope,
  setCurrentDetails,
  upsertSearchAttributes,
  type WorkflowInfo,
  workflowInfo,
} from '@temporalio/workflow';
import type { RenewalWindow } from '../../src/certificates/renewal-window.ts';
import { requestName } from '../../src/certificates/request-name.ts';
import { detailsPage } from '../../src/certificates/status-wording.ts';
import type { BundleView, ClusterView } from '../../src/clusters/cluster-view.ts';
import { sameView } from '../../src/clusters/digest.ts';
import { type Gate, gateOf } from '../../src/clusters/gates.ts';
import {
  type BundleRecord,
  CertExpiry,
  CertIssuer,
  CertNames,
  CertReason,
  CertRenewAt,
  CertState,
  type ClusterCertificatesInput,
  type ClusterStatus,
  type DecommissionStarted,
} from '../contract.ts';
import { mostUrgent, reasonShown } from './fleet-attributes.ts';
import { Services } from './services.ts';

/** Renewal cycles after which a run is closed and a fresh one begun: history stays that of a cycle. */
const CYCLES_PER_RUN = 1;

interface Attempts {
  readonly count: number;
  readonly last: 'none' | 'issued' | 'failed';
}

export class ClusterState {
  #view: ClusterView;
  #gone: boolean;
  readonly #records: Map<string, BundleRecord>;
  #endingStarted: DecommissionStarted | undefined;
  #released = false;
  #claimedBy: string | undefined;
  readonly services = new Services();
  /** Counts what happened to a bundle from outside; a bundle that has seen the latest count has nothing left to look at. */
  readonly #changes = new Map<string, number>();
  /** Bundles whose renewal was asked for, until an attempt has ended: one that is cut short is begun anew. */
  readonly #renewals = new Set<string>();
  /** Issuances under way, to be cut short when what they were ordered for is no longer wanted. */
  readonly #issuing = new Map<string, { readonly names: string; readonly scope: CancellationScope }>();
  readonly #attempts = new Map<string, Attempts>();
  #everyChange = 0;
  #cycles = 0;
  #shown = '';
  /** Whether this run has the commands of the whole life; a run that an earlier version began goes on without. */
  readonly wholeLife: boolean;

  constructor(input: ClusterCertificatesInput, wholeLife: boolean) {
    this.wholeLife = wholeLife;
    this.#view = input.cluster;
    this.#gone = input.carried?.gone ?? false;
    this.#endingStarted = input.carried?.ending;
    this.#records = new Map(Object.entries(input.carried?.bundles ?? {}));
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
    for (const [name, issuing] of this.#issuing) {
      const bundle = this.bundle(name);
      if (bundle === undefined || namesKey(bundle) !== issuing.names || this.gate().kind !== 'serve')
        issuing.scope.cancel();
    }
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
  observeWindow(bundleName: string, window: RenewalWindow): void {
    if (this.record(bundleName).certificate?.certId !== window.certId) return;
    this.update(bundleName, { suggestedWindow: window });
    this.#touch(bundleName);
  }

  observeRevoked(bundleName: string, serialNumber: string): void {
    if (this.record(bundleName).certificate?.serialNumber !== serialNumber) return;
    this.update(bundleName, { revoked: serialNumber });
    this.#touch(bundleName);
  }

  /** Whether an operator has let the cluster go without what cannot be done. */
  get released(): boolean {
    return this.#released;
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

  letGo(): void {
    this.#released = true;
    this.#touchAll();
  }

  requestRenewal(bundleName: string): void {
    this.#renewals.add(bundleName);
    // The attempt that is under way is the one that was asked for.
    if (!this.#issuing.has(bundleName)) this.#touch(bundleName);
  }

  renewalRequested(bundleName: string): boolean {
    return this.#renewals.has(bundleName);
  }

  #touchAll(): void {
    this.#everyChange += 1;
    for (const name of new Set([...this.#records.keys(), ...this.wantedBundles()])) this.#touch(name);
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
    return [...this.#records.keys()].filter((name) => !wanted.has(name));
  }

  knownBundles(): readonly string[] {
    return [...new Set([...this.wantedBundles(), ...this.#records.keys()])];
  }

  record(name: string): BundleRecord {
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const bundle = this.bundle(name);
    return {
      state: 'Pending',
      message: 'Seen; nothing has been done yet.',
      since: new Date(Date.now()).toISOString(),
      secretName: bundle?.secretName ?? '',
      requestName: bundle?.requestName ?? requestName(this.#view.identity.name, name),
      dnsNames: bundle?.names.kind === 'valid' ? bundle.names.dnsNames : [],
      failedAttempts: 0,
      orders: 0,
      issued: [],
    };
  }

  /** Changes a record; `undefined` values take a field away. */
  update(
    name: string,
    change: { readonly [Field in keyof BundleRecord]?: BundleRecord[Field] | undefined },
  ): BundleRecord {
    const before = this.record(name);
    const merged: Record<string, unknown> = { ...before, ...change };
    if (change.state !== undefined && change.state !== before.state)
      merged['since'] = new Date(Date.now()).toISOString();
    for (const key of Object.keys(merged)) if (merged[key] === undefined) delete merged[key];
    const after = merged as unknown as BundleRecord;
    this.#records.set(name, after);
    this.show();
    return after;
  }

  forget(name: string): void {
    this.#records.delete(name);
    this.#renewals.delete(name);
    this.show();
  }

  /** How many attempts at a certificate have ended in this run, and how the last one did. */
  attemptsOf(name: string): Attempts {
    return this.#attempts.get(name) ?? { count: 0, last: 'none' };
  }

  /** Whoever asked for a renewal is answered by it. */
  attemptEnded(name: string, how: 'issued' | 'failed'): void {
    this.#renewals.delete(name);
    this.#attempts.set(name, { count: this.attemptsOf(name).count + 1, last: how });
  }

  /** A renewal that was asked for cannot be attempted now: who asked is told so, and it is not kept for later. */
  declineRenewal(name: string): void {
    if (this.renewalRequested(name)) this.attemptEnded(name, 'failed');
  }

  renewalFinished(): void {
    this.#cycles += 1;
  }

  /** Runs an issuance that ends early when its names or its gate change. */
  async whileIssuing<T>(bundle: BundleView, issue: () => Promise<T>): Promise<T> {
    const scope = new CancellationScope();
    this.#issuing.set(bundle.name, { names: namesKey(bundle), scope });
    try {
      return await scope.run(issue);
    } finally {
      this.#issuing.delete(bundle.name);
    }
  }

  // --- who is being served ---

  /** Whether some bundle waits for somebody to serve or retire it. */
  bundlesToServe(): boolean {
    return this.knownBundles().some((name) => !this.services.has(name));
  }

  // --- continuing as new ---

  mayContinueAsNew(info: WorkflowInfo): boolean {
    if (this.leaving || this.#renewals.size > 0) return false;
    if (this.#cycles < CYCLES_PER_RUN && !info.continueAsNewSuggested) return false;
    return !this.bundlesToServe() && this.services.allAtRest();
  }

  asInput(): ClusterCertificatesInput {
    return {
      cluster: this.#view,
      carried: {
        bundles: Object.fromEntries(this.#records),
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
      bundles: Object.fromEntries(this.#records),
    };
  }

  /** Puts the present state into the details page at once, which costs nothing. */
  show(situation = this.#situation()): void {
    setCurrentDetails(detailsPage(this.name, situation, Object.fromEntries(this.#records)));
  }

  #situation(): string {
    if (this.#claimedBy !== undefined)
      return `It belongs to ClusterDeployment ${this.#claimedBy}, whose workflow looks after its certificate now.`;
    if (this.#gone) return 'It is gone; its certificates are being revoked and cleared away.';
    if (this.#view.deleting) return 'It is being deleted; its certificates are being revoked and cleared away.';
    const gate = this.gate();
    if (gate.kind === 'serve') return ['Served.', gate.note, ...remarksOn(this.#view)].filter(Boolean).join(' ');
    return gate.kind === 'decommission' ? 'It is being deleted.' : `Not served now. ${gate.message}`;
  }

  /** Puts the most urgent bundle's state into the search attributes; each change is an event, so only what differs is sent. */
  publishAttributes(): void {
    const shown = mostUrgent([...this.#records.values()]);
    if (shown === undefined) {
      // A cluster without bundles must not look as if nobody dealt with its end.
      if (this.ending) upsertSearchAttributes([{ key: CertState, value: 'Decommissioning' }]);
      return;
    }
    const fingerprint = JSON.stringify([shown, reasonShown(shown)]);
    if (fingerprint === this.#shown) return;
    this.#shown = fingerprint;
    const { certificate } = shown;
    upsertSearchAttributes([
      { key: CertState, value: shown.state },
      { key: CertReason, value: reasonShown(shown) },
      { key: CertNames, value: shown.dnsNames.length === 0 ? null : shown.dnsNames.slice(0, 10) },
      { key: CertIssuer, value: certificate?.issuerName.slice(0, 200) ?? null },
      { key: CertExpiry, value: certificate === undefined ? null : new Date(certificate.notAfter) },
      { key: CertRenewAt, value: shown.renewalTime === undefined ? null : new Date(shown.renewalTime) },
    ]);
  }

  workflowId(): string {
    return workflowInfo().workflowId;
  }
}

/** What an order was made for: another set of names makes it pointless. */
function namesKey(bundle: BundleView): string {
  return bundle.names.kind === 'valid' ? bundle.names.dnsNames.join(' ') : bundle.names.code;
}

/** What a person looking at the cluster should know beside its gate; it changes nothing. */
function remarksOn(view: ClusterView): readonly string[] {
  return [
    ...(view.hibernating === true
      ? ['The cluster hibernates; its certificates are renewed all the same, and Hive hands them over when it wakes.']
      : []),
    ...(view.limitedSupport ? ['It is in limited support.'] : []),
  ];
}
