/** What the watch needs of the rest of the program. */
import type { Client } from '@temporalio/client';
import type { AcmeClientSource } from '../acme/client-source.ts';
import type { Metrics } from '../contract/metrics.ts';
import type { CrlFetcher } from '../crl/crl-fetcher.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import type { WatchConnection } from '../kubernetes/api/list-and-watch.ts';
import type { FleetSnapshot } from './fleet-snapshot.ts';

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
  readonly metrics: Metrics;
  /** Exposes the fleet gauges, as long as this worker runs the controller. @returns removes them. */
  readonly exposeFleet: (fleet: FleetSnapshot) => () => void;
  readonly logger: ControllerLogger;
}
