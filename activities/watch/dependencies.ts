/** What the watch needs of the rest of the program. */
import type { Client } from '@temporalio/client';
import type { CaSource } from '../../src/acme/ca-source.ts';
import type { KubernetesApi } from '../../src/kubernetes/kubernetes-api.ts';
import type { ObjectSource } from '../../src/kubernetes/list-and-watch.ts';
import type { ClusterSeries, RenewalInformation, RequestSeries } from '../../src/observability/fleet-gauges.ts';
import type { RevocationListOutcome } from '../../src/observability/metrics.ts';
import type { ListSource } from '../../src/revocation/list-source.ts';

export interface WatchSettings {
  /** Name of the hub. */
  readonly hive: string;
  /** Label of a second API name (`rh-api`); none when absent. */
  readonly extraRecord?: string;
  /** Where the account Secret and the ConfigMap are. */
  readonly operatorNamespace: string;
  /** Milliseconds between two comparisons of the whole picture. */
  readonly comparisonIntervalMs: number;
  /** Who this worker is (its pod's name), for people. */
  readonly worker: string;
}

/** The hub as the watch knows it at this moment; iterated anew at each scrape. */
export interface WatchedFleet {
  readonly clusters: Iterable<ClusterSeries>;
  /** CertificateRequests that stand alone. */
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly renewalInformation: RenewalInformation;
}

/** Fleet-wide gauges: shown by the one worker that watches, for as long as it does. */
export interface FleetMetrics {
  /** @returns what takes the gauges away again. */
  expose(fleet: WatchedFleet): () => void;
  /** A cluster was told that the CA suggests another time for the renewal of its certificate. */
  renewalWindowMoved(this: void): void;
  /** A list of revoked certificates was fetched, or was to be. */
  revocationListFetched(this: void, outcome: RevocationListOutcome): void;
  /** A cluster was told that its certificate is revoked. */
  revokedCertificateFound(this: void): void;
}

/** pino's, as far as it is used. */
export interface WatchLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface WatchDependencies {
  readonly kubernetes: KubernetesApi;
  readonly source: ObjectSource;
  readonly client: () => Client;
  /** Host of the CA's directory that an order would go to now; undefined while there is no usable account. */
  readonly environment: () => Promise<string | undefined>;
  /** Asked when certificates should be renewed; under the account of this moment. */
  readonly ca: Pick<CaSource, 'use'>;
  /** Lists of revoked certificates; absent: nobody looks at them. */
  readonly revocationLists?: Pick<ListSource, 'fetch'>;
  readonly settings: WatchSettings;
  readonly metrics: FleetMetrics;
  readonly logger: WatchLogger;
}
