/** Puts the activities together from the settings: the one place that knows which module stands on which. */
import type { Client } from '@temporalio/client';
import { createAcmeActivities } from '../../activities/acme.ts';
import type { Activities } from '../../activities/contract.ts';
import { createKubernetesActivities } from '../../activities/kubernetes.ts';
import { createPropagationActivities } from '../../activities/propagation.ts';
import { createRoute53Activities } from '../../activities/route53.ts';
import { createWatchActivities } from '../../activities/watch.ts';
import { CaSource } from '../acme/ca-source.ts';
import type { Configuration } from '../config.ts';
import { PropagationCheck } from '../dns/propagation-check.ts';
import { Route53Provider } from '../dns/route53-provider.ts';
import { createKubernetesApi, type KubernetesClient } from '../kubernetes/client.ts';
import { loadKubeConfig } from '../kubernetes/kube-config.ts';
import { createOperatorSettings } from '../kubernetes/operator-settings.ts';
import { HubMetrics } from '../observability/fleet-metrics.ts';
import type { Logger } from '../observability/logging.ts';
import type { WorkerMetrics } from '../observability/metrics.ts';
import { ListSource } from '../revocation/list-source.ts';
import { VERSION } from '../version.ts';
import { listCompletedIssuances } from './issuance-listing.ts';

export interface CompositionInput {
  readonly configuration: Configuration;
  readonly client: Client;
  readonly logger: Logger;
  readonly metrics: WorkerMetrics;
  /** Who this worker is, for people. */
  readonly identity: string;
  /** Aborted when the worker begins to end. */
  readonly stopping: AbortSignal;
}

export interface Composition {
  readonly activities: Activities;
  /** To be told of each certificate that this worker issued. */
  certificateIssued(this: void): void;
  /** Ends all connections. */
  close(): Promise<void>;
}

/** @throws CertmanError `configuration/invalid` when there is no usable kubeconfig. */
export function composeActivities(input: CompositionInput): Composition {
  const { configuration, logger, metrics } = input;
  const operatorNamespace = configuration.namespace;
  const kubernetes = createKubernetesApi({ kubeConfig: loadKubeConfig() });
  const settings = createOperatorSettings({ kubernetes, operatorNamespace });
  const ca = new CaSource({
    accounts: settings,
    directoryUrl: configuration.acmeDirectoryUrl,
    caBundlePem: configuration.acmeCaBundle?.pem,
    version: VERSION,
    observe: metrics.acmeAnswered,
  });
  const environment = (): Promise<string | undefined> => ca.environment();
  const revocationLists =
    configuration.revocationLists === 'on' ? new ListSource({ userAgent: `certman/${VERSION}` }) : undefined;
  const propagation = makePropagationCheck(configuration, logger);
  const hub = new HubMetrics({
    registry: metrics.registry,
    list: listCompletedIssuances(input.client),
    onError: (error) =>
      logger.warn({ error }, 'the issued certificates could not be counted; the next count is in 5 minutes'),
  });
  return {
    activities: {
      ...createKubernetesActivities({
        kubernetes,
        operatorNamespace,
        settings,
        environment,
        decommission: { policy: configuration.decommissionPolicy, limitMs: configuration.decommissionLimitMs },
      }),
      ...createAcmeActivities({
        ca,
        kubernetes,
        settings: { keyType: configuration.keyType, profile: configuration.acmeProfile },
      }),
      ...createRoute53Activities({
        dns: makeDnsProvider(configuration, kubernetes, metrics, propagation.wantsNameServers),
      }),
      ...createPropagationActivities({ propagation }),
      ...createWatchActivities({
        kubernetes,
        source: kubernetes,
        environment,
        ca,
        metrics: {
          expose: (fleet) => hub.expose(fleet),
          renewalWindowMoved: metrics.renewalWindowMoved,
          revocationListFetched: metrics.revocationListFetched,
          revokedCertificateFound: metrics.revokedCertificateFound,
        },
        ...(revocationLists === undefined ? {} : { revocationLists }),
        logger,
        stopping: input.stopping,
        settings: {
          hive: configuration.hive,
          operatorNamespace,
          comparisonIntervalMs: configuration.comparisonIntervalMs,
          worker: input.identity,
          ...(configuration.extraRecord === undefined ? {} : { extraRecord: configuration.extraRecord }),
        },
      }),
    },
    certificateIssued: () => hub.certificateIssued(),
    close: async () => {
      hub.close();
      await Promise.all([ca.close(), propagation.close(), kubernetes.close(), revocationLists?.close()]);
    },
  };
}

function makePropagationCheck(configuration: Configuration, logger: Logger): PropagationCheck {
  const { dohResolvers, dohCaBundle, dohQuorum, authoritativeServers } = configuration;
  return new PropagationCheck({
    resolvers: dohResolvers,
    quorum: dohQuorum,
    authoritative: authoritativeServers,
    onNotice: (message) => logger.warn(message),
    ...(dohCaBundle === undefined ? {} : { resolverCa: dohCaBundle.pem }),
  });
}

function makeDnsProvider(
  configuration: Configuration,
  kubernetes: KubernetesClient,
  metrics: WorkerMetrics,
  nameServersWanted: boolean,
): Route53Provider {
  const { fedramp, fedrampStandaloneRequests, hostedZoneId } = configuration;
  return new Route53Provider({
    kubernetes,
    operatorNamespace: configuration.namespace,
    requestsPerSecond: configuration.route53RequestsPerSecond,
    batchWindowMs: configuration.dnsBatchWindowMs,
    nameServersWanted,
    onRequest: metrics.route53Asked,
    ...(fedramp && hostedZoneId !== undefined
      ? { fedramp: { hostedZoneId, standaloneRequests: fedrampStandaloneRequests } }
      : {}),
  });
}
