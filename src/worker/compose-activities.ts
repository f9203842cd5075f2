import type { Client } from '@temporalio/client';
import type { Registry } from 'prom-client';
import { createAcmeActivities } from '../../activities/acme.ts';
import { createDnsActivities } from '../../activities/dns.ts';
import { createKubernetesActivities } from '../../activities/kubernetes.ts';
import { createPropagationActivities } from '../../activities/propagation.ts';
import { createWatchActivities } from '../../activities/watch.ts';
import { AcmeClientSource } from '../acme/client-source.ts';
import type { Configuration } from '../configuration/load-configuration.ts';
import type { Activities } from '../contract/activities.ts';
import { CrlFetcher } from '../crl/crl-fetcher.ts';
import { PropagationCheck } from '../dns/propagation-check.ts';
import { PlatformProvider } from '../dns/registry.ts';
import { createKubernetesClient, type KubernetesClient } from '../kubernetes/api/client.ts';
import { loadKubeConfig } from '../kubernetes/api/kube-config.ts';
import { createOperatorSettings } from '../kubernetes/objects/operator-settings.ts';
import { FleetMetricsExporter } from '../observability/fleet-metrics-exporter.ts';
import type { Logger } from '../observability/logging.ts';
import type { Metrics } from '../observability/metric-table.ts';
import { VERSION } from '../version.ts';
import { listCompletedIssuances } from './list-completed-issuances.ts';

/** What the activities are created from. */
export interface CompositionInput {
  readonly configuration: Configuration;
  readonly client: Client;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly identity: string;
  /** Aborted when the worker starts to shut down. */
  readonly stopping: AbortSignal;
}

/** The activities with their resources. */
export interface ComposedActivities {
  readonly activities: Activities;
  /** To be called for each certificate that this worker has issued. */
  certificateIssued(this: void): void;
  close(): Promise<void>;
}

/** Composition root of the activities. @throws CertmanError `configuration/invalid` without a usable kubeconfig. */
export function composeActivities(input: CompositionInput): ComposedActivities {
  const { configuration, logger, metrics } = input;
  const operatorNamespace = configuration.namespace;
  const kubernetes = createKubernetesClient({ kubeConfig: loadKubeConfig() });
  const settings = createOperatorSettings({ kubernetes, operatorNamespace });
  const ca = new AcmeClientSource({
    accounts: settings,
    directoryUrl: configuration.acmeDirectoryUrl,
    userAgent: `certman/${VERSION}`,
    caBundlePem: configuration.acmeCaBundle,
    onRequest: (resource, status, seconds) => metrics.acmeRequestDuration.observe({ resource, status }, seconds),
  });
  const caHost = (): Promise<string | undefined> => ca.caHost();
  const crlCheck = configuration.crlCheck === 'on' ? new CrlFetcher({ userAgent: `certman/${VERSION}` }) : undefined;
  const propagation = createPropagationCheck(configuration, logger);
  const fleetMetrics = new FleetMetricsExporter({
    registry: input.registry,
    list: listCompletedIssuances(input.client),
    onError: (error) =>
      logger.warn({ error }, 'could not count the issued certificates; the next count is in 5 minutes'),
  });
  return {
    activities: {
      ...createKubernetesActivities({
        kubernetes,
        settings,
        caHost,
        decommission: { policy: configuration.decommissionPolicy, limitMs: configuration.decommissionLimitMs },
      }),
      ...createAcmeActivities({
        ca,
        kubernetes,
        settings: { keyType: configuration.keyType, profile: configuration.acmeProfile },
      }),
      ...createDnsActivities({
        dns: createDnsProvider(configuration, kubernetes, metrics, propagation.needsNameServers),
      }),
      ...createPropagationActivities({ propagation }),
      ...createWatchActivities({
        kubernetes,
        source: kubernetes,
        caHost,
        ca,
        metrics,
        exposeFleet: (fleet) => fleetMetrics.expose(fleet),
        crlSource: crlCheck,
        logger,
        stopping: input.stopping,
        settings: {
          managementCluster: configuration.managementCluster,
          operatorNamespace,
          resyncIntervalMs: configuration.resyncIntervalMs,
          workerName: input.identity,
          extraRecord: configuration.extraRecord,
        },
      }),
    },
    certificateIssued: () => fleetMetrics.certificateIssued(),
    close: async () => {
      fleetMetrics.close();
      await Promise.all([ca.close(), propagation.close(), kubernetes.close(), crlCheck?.close()]);
    },
  };
}

function createPropagationCheck(configuration: Configuration, logger: Logger): PropagationCheck {
  const { dohResolvers, dohCaBundle, dohQuorum, authoritativeServers } = configuration;
  return new PropagationCheck({
    resolvers: dohResolvers,
    quorum: dohQuorum,
    authoritative: authoritativeServers,
    onWarning: (message) => logger.warn(message),
    resolverCa: dohCaBundle,
  });
}

function createDnsProvider(
  configuration: Configuration,
  kubernetes: KubernetesClient,
  metrics: Metrics,
  needsNameServers: boolean,
): PlatformProvider {
  const { fedramp, fedrampStandaloneRequests, hostedZoneId } = configuration;
  const ownZone =
    fedramp && hostedZoneId !== undefined ? { hostedZoneId, standaloneRequests: fedrampStandaloneRequests } : undefined;
  return new PlatformProvider({
    kubernetes,
    operatorNamespace: configuration.namespace,
    batchWindowMs: configuration.dnsBatchWindowMs,
    needsNameServers,
    onRequest: (service, action) => metrics.dnsRequests.inc({ service, action }),
    platform: ownZone && 'aws',
    settings: { route53: { requestsPerSecond: configuration.route53RequestsPerSecond, fedramp: ownZone } },
  });
}
