/** What the watch needs of the rest of the program. */
import type { Client } from '@temporalio/client';
import type { AcmeClientSource } from '../acme/client-source.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import type { WatchConnection } from '../kubernetes/api/list-and-watch.ts';
import type { AriCoverage, ClusterSeries, RequestSeries } from '../observability/fleet-gauges.ts';
import type { CrlFetchOutcome } from '../observability/worker-metrics.ts';

export interface ControllerSettings {
  /** Name of the hub. */
  readonly managementCluster: string;
  /** Label of a second API name (`rh-api`); none when absent. */
  readonly extraRecord?: string;
  /** Where the account Secret and the ConfigMap are. */
  readonly operatorNamespace: string;
  /** Milliseconds between two comparisons of the whole picture. */
  readonly resyncIntervalMs: number;
  /** Who this worker is (its pod's name), for people. */
  readonly workerName: string;
}

/** The hub as the watch knows it at this moment; iterated anew at each scrape. */
export interface FleetSnapshot {
  readonly clusters: Iterable<ClusterSeries>;
  /** CertificateRequests that stand alone. */
  readonly standalone: Iterable<ClusterSeries>;
  readonly requests: Iterable<RequestSeries>;
  readonly ari: AriCoverage;
}

/** Fleet-wide gauges: shown by the one worker that watches, for as long as it does. */
export interface FleetMetrics {
  /** @returns what takes the gauges away again. */
  expose(fleet: FleetSnapshot): () => void;
  /** A cluster was told that the CA suggests another time for the renewal of its certificate. */
  renewalWindowChanged(this: void): void;
  /** A list of revoked certificates was fetched, or was to be. */
  crlFetched(this: void, outcome: CrlFetchOutcome): void;
  /** A cluster was told that its certificate is revoked. */
  revokedCertificateFound(this: void): void;
}

/** pino's, as far as it is used. */
export interface ControllerLogger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ControllerDependencies {
  readonly kubernetes: KubernetesApi;
  readonly source: WatchConnection;
  readonly client: () => Client;
  /** Host of the CA's directory that an order would go to now; undefined while there is no usable account. */
  readonly caHost: () => Promise<string | undefined>;
  /** Asked when certificates should be renewed; under the account of this moment. */
  readonly ca: Pick<AcmeClientSource, 'withClient'>;
  /** Lists of revoked certificates; absent: nobody looks at them. */
  readonly crlSource?: Pick<CrlFetcher, 'fetch'>;
  readonly settings: ControllerSettings;
  readonly metrics: FleetMetrics;
  readonly logger: ControllerLogger;
}
