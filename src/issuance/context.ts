import type { KeyObject } from 'node:crypto';
import type { AcmeClient } from '../acme/client.ts';
import type { PersistentRecordSettings } from '../acme/persistent-record.ts';
import type { KeyType } from '../acme/private-key.ts';
import type { Seals } from '../acme/seals.ts';
import type { ChallengeDelegation } from '../dns/challenge-delegation.ts';
import type { RecordZone } from '../dns/record-zone.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import type { ViewSettings } from '../kubernetes/objects/asked-for.ts';
import type { BundleChecks } from '../kubernetes/objects/served-bundles.ts';
import type { StagedKey } from '../kubernetes/objects/staging-secret.ts';
import type { ChainGate } from './chain-gate.ts';
import type { HiveTrust } from './hive-trust.ts';
import type { IssuerCanary } from './issuer-canary.ts';
import type { OrderBudget } from './order-budget.ts';
import type { RunawayGuard } from './runaway-guard.ts';
import type { StandaloneOrders } from './standalone-orders.ts';

/** One attempt of a use case, independent of Temporal; `activities/acme.ts` creates it. */
export interface AttemptContext {
  readonly kubernetes: KubernetesApi;
  readonly settings: IssuanceSettings;
  readonly standaloneOrders: StandaloneOrders;
  readonly checks: BundleChecks;
  /** Absent: an order is placed without. */
  readonly preflight?: PreflightStep | undefined;
  /** Absent: orders are placed without. */
  readonly budget?: BudgetStep | undefined;
  /** Absent: orders have no bound of their own. */
  readonly runaway?: Pick<RunawayGuard, 'require' | 'ordered'> | undefined;
  /** Where TXT records are put. */
  readonly delegation: Pick<ChallengeDelegation, 'placesOf' | 'zonesOf'>;
  readonly chainGate: Pick<ChainGate, 'verify'>;
  /** Absent: Hive need not trust what is installed. */
  readonly hiveTrust?: Pick<HiveTrust, 'of'> | undefined;
  /** Absent: a new issuer has no canary. */
  readonly canary?: CanaryStep | undefined;
  /** How objects are read. */
  readonly projection: ViewSettings;
  /** From 1. */
  readonly attempt: number;
  readonly signal: AbortSignal;
  /** What an earlier attempt recorded last; not validated. */
  readonly recorded: unknown;
  /** Records progress at once: what a killed worker could not find again. */
  record(progress: unknown): void;
  /** Records progress with the next heartbeat, or when the attempt fails: a retry can find it out by itself. */
  note(progress: unknown): void;
  readonly log: { info(message: string, fields: Record<string, unknown>): void };
}

/** What is to be ordered, and by which account. */
export interface PlannedOrder {
  readonly ca: AcmeClient;
  /** Of its TXT records. */
  readonly zones: readonly RecordZone[];
  readonly dnsNames: readonly string[];
}

/** A check before an order is spent; `OrderPreflight` is the one. */
export interface PreflightStep {
  /** @throws CertmanError for what would make the order fail. */
  require(order: PlannedOrder, attempt: Pick<AttemptContext, 'signal' | 'log'>): Promise<void>;
}

/** When an order may be placed by the limits of the CA. */
export type BudgetStep = Pick<
  OrderBudget,
  'orderFor' | 'admit' | 'placed' | 'onRefused' | 'reportRefusal' | 'release' | 'onAuthorizationsFailed'
>;

/** Whether a certificate may be installed now, where its issuer is new. */
export type CanaryStep = Pick<IssuerCanary, 'admit'>;

/** Settings that hold for every certificate. */
export interface IssuanceSettings {
  readonly keyType: KeyType;
  /** ACME profile of every order; default: the CA's. */
  readonly profile?: string | undefined;
  /** Prove names by `dns-persist-01` where the CA offers it; absent: by `dns-01`. */
  readonly persistentRecords?: PersistentRecordSettings | undefined;
}

/** A staged key, decoded. */
export interface StagedKeyObject extends StagedKey {
  readonly key: KeyObject;
}

/** An attempt with a client of the CA, whose requests end with the attempt's signal. */
export interface IssuanceContext extends AttemptContext {
  readonly ca: AcmeClient;
  /** Keys that this attempt has staged, by order URL: it need not read them again. */
  readonly staged?: Map<string, StagedKeyObject> | undefined;
  /** Verify what any of the accounts has sealed; absent: that of `ca` is the only one. */
  readonly seals?: Seals | undefined;
}
