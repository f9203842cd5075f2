import type { Client } from '@temporalio/client';
import type { AcmeClientSource } from '../acme/client-source.ts';
import type { RenewalPolicy } from '../certificates/planned-renewal.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import type { OwnerTags } from '../dns/leftover-records.ts';
import type { DnsProvider } from '../dns/provider.ts';
import type { CanaryRule } from '../issuance/canary-verdict.ts';
import type { IssuerCheck } from '../issuance/issuer-check.ts';
import type { TrustRoots } from '../issuance/trust-roots.ts';
import type { KubernetesApi, WatchConnection } from '../kubernetes/api/kubernetes-api.ts';
import type { IssuerRecordStore } from '../kubernetes/objects/issuer-records.ts';
import type { MissingFinalizers } from '../kubernetes/objects/missing-finalizers.ts';
import type { Metrics } from '../observability/metrics.ts';
import type { TlsProbe } from '../tls-probe/tls-probe.ts';
import type { ClusterSignaller, ClusterSignallerOptions } from './cluster-signaller.ts';
import type { ControllerCache } from './controller-cache.ts';
import type { FleetSnapshot } from './fleet-snapshot.ts';
import type { ControllerLogger } from './outage-log.ts';

/** Settings of the controller. */
export interface ControllerSettings {
  readonly managementCluster: string;
  /** Label of a second API name (`rh-api`); undefined: none. */
  readonly extraRecord?: string;
  /** Namespace of the account Secret and the ConfigMap. */
  readonly operatorNamespace: string;
  /** Name of the Secret there with the credentials of the challenge zone. */
  readonly challengeZoneSecret?: string;
  /** Secrets in `operatorNamespace` with the accounts of fallback CAs. */
  readonly fallbackAccountSecrets?: readonly string[] | undefined;
  /** Namespaces that are served; undefined: all. */
  readonly namespaces?: readonly string[] | undefined;
  /** Directory host of the CA that may replace certificates of others; undefined: none may. */
  readonly caChangeAllowedTo?: string | undefined;
  /** Whether standalone CertificateRequests are served; absent: they are. */
  readonly standaloneRequests?: 'on' | 'off';
  /** Of requests without the annotation; absent: `renew-before`. */
  readonly renewalPolicy?: RenewalPolicy;
  /** Milliseconds from the end of one resync to the next. */
  readonly resyncIntervalMs: number;
  /** Name of this worker's pod, for logs. */
  readonly workerName: string;
  /** Patches that new workflows start without; absent: none. */
  readonly heldBackPatches?: readonly string[] | undefined;
  /** Whether the worker has a version; absent: it has none. */
  readonly versioned?: boolean;
}

/** The issuers of the management cluster, and the rule of their canaries. */
export interface CanarySource {
  readonly records: Pick<IssuerRecordStore, 'read' | 'update'>;
  readonly rule: CanaryRule;
}

/** What is swept for TXT records that a crash left behind, and how they are recognised. */
export interface SweepSource {
  readonly dns: Pick<DnsProvider, 'listRecords'>;
  /** Of the present account; undefined without a usable one. */
  readonly tags: () => Promise<OwnerTags | undefined>;
  /** Name of the challenge zone; undefined: there is none. */
  readonly challengeZone?: string | undefined;
  /** Milliseconds from the start to the first sweep. */
  readonly firstDelayMs?: number;
  /** Milliseconds from one request to the next. */
  readonly requestIntervalMs?: number;
}

/** How clusters are probed for the certificates that they serve. */
export interface ServedCheck {
  readonly tls: Pick<TlsProbe, 'read'>;
  /** What the chains that are served have to lead to. */
  readonly roots: Pick<TrustRoots, 'of'>;
  /** Milliseconds between probes of a cluster that serves its certificate. */
  readonly intervalMs: number;
  /** Milliseconds from the installation until a certificate that is not served is a warning. */
  readonly withinMs: number;
}

/** What the process provides to the controller. */
export interface ControllerDependencies {
  readonly kubernetes: KubernetesApi;
  readonly source: WatchConnection;
  readonly client: () => Client;
  /** Host of the directory that an order would go to now; undefined without a usable account. */
  readonly caHost: () => Promise<string | undefined>;
  readonly ca: Pick<AcmeClientSource, 'withClient'>;
  /** Those that stand in for it. */
  readonly fallbackCas?: readonly Pick<AcmeClientSource, 'withClient' | 'name'>[];
  /** Undefined: CRLs are not checked. */
  readonly crlSource?: Pick<CrlFetcher, 'fetch'>;
  /** Undefined: issuers are not checked. */
  readonly issuerCheck?: Pick<IssuerCheck, 'revokedIssuer'>;
  /** Undefined: a new issuer has no canary. */
  readonly canary?: CanarySource | undefined;
  /** Undefined: no zone is swept. */
  readonly sweep?: SweepSource | undefined;
  /** Undefined: no cluster is probed. */
  readonly servedCheck?: ServedCheck | undefined;
  /** Shows the evaluations in this process which finalizers are missing; undefined: they read each cluster. */
  readonly missingFinalizers?: Pick<MissingFinalizers, 'observe' | 'forget' | 'clear'>;
  readonly settings: ControllerSettings;
  readonly metrics: Metrics;
  /** Exposes the fleet gauges while this worker runs the controller. @returns a function that removes them. */
  readonly exposeFleet: (fleet: FleetSnapshot) => () => void;
  readonly logger: ControllerLogger;
}

/** Shared by the parts of one running controller. */
export interface ControllerContext extends ControllerDependencies, ClusterSignallerOptions {
  readonly cache: ControllerCache;
  readonly signaller: ClusterSignaller;
}
