import type { Client } from '@temporalio/client';
import type { WorkerOptions } from '@temporalio/worker';

import { createAcmeActivities } from '../../activities/acme.ts';
import {
  createDnsActivities,
  createDnsSteps,
  createPropagationActivities,
  createVerifyPropagation,
  createVerifyStanding,
} from '../../activities/dns.ts';
import { createKubernetesActivities } from '../../activities/kubernetes.ts';
import { createOrderActivities } from '../../activities/order.ts';
import { StatusReporter } from '../../activities/status-reporter.ts';
import { createWatchActivities } from '../../activities/watch.ts';
import type { TxtRecord } from '../certificates/dns-name.ts';
import type { ClusterIdentity } from '../clusters/cluster-identity.ts';
import type { Configuration } from '../configuration/load-configuration.ts';
import type { Activities } from '../contract/activities.ts';
import { taskQueueOf } from '../contract/ids.ts';
import { ChainRevocations } from '../crl/chain-revocations.ts';
import { CrlFetcher } from '../crl/crl-fetcher.ts';
import { AliasLookup } from '../dns/alias-lookup.ts';
import { ChallengeDelegation } from '../dns/challenge-delegation.ts';
import { DnsSources } from '../dns/dns-sources.ts';
import { Preflight } from '../dns/preflight.ts';
import { PropagationCheck } from '../dns/propagation-check.ts';
import { PublicAddresses } from '../dns/public-addresses.ts';
import type { CertmanError } from '../failures/failure.ts';
import { oneLine } from '../failures/printable.ts';
import { ChainGate } from '../issuance/chain-gate.ts';
import { HiveTrust } from '../issuance/hive-trust.ts';
import { IssuerCanary } from '../issuance/issuer-canary.ts';
import { IssuerCheck } from '../issuance/issuer-check.ts';
import { openCas } from '../issuance/open-cas.ts';
import { OrderBudget } from '../issuance/order-budget.ts';
import { OrderPreflight, type PreflightOutcome } from '../issuance/order-preflight.ts';
import { releaseTurns } from '../issuance/release-turns.ts';
import { RunawayGuard } from '../issuance/runaway-guard.ts';
import type { ProofOutcome } from '../issuance/staging-proof.ts';
import { StandaloneOrders } from '../issuance/standalone-orders.ts';
import { TrustRoots } from '../issuance/trust-roots.ts';
import { KubernetesClient } from '../kubernetes/api/client.ts';
import { loadKubeConfig } from '../kubernetes/api/kube-config.ts';
import type { KubernetesApi } from '../kubernetes/api/kubernetes-api.ts';
import { allowsChallengeZone } from '../kubernetes/objects/aws-credentials.ts';
import { IssuerRecordStore } from '../kubernetes/objects/issuer-records.ts';
import { MissingFinalizers } from '../kubernetes/objects/missing-finalizers.ts';
import { createOperatorSettings } from '../kubernetes/objects/operator-settings.ts';
import { RenewalWindowsConfig } from '../kubernetes/objects/renewal-windows-config.ts';
import { reportLeftRecords } from '../kubernetes/objects/report-left-records.ts';
import { RestartTurns } from '../kubernetes/objects/restart-turns.ts';
import { ServedBundles } from '../kubernetes/objects/served-bundles.ts';
import { BudgetGauges } from '../observability/budget-gauges.ts';
import { FleetMetricsExporter } from '../observability/fleet-metrics-exporter.ts';
import type { Logger } from '../observability/logging.ts';
import { createMetrics } from '../observability/metrics.ts';
import type { MetricsExposition } from '../observability/metrics-exposition.ts';
import { TlsProbe } from '../tls-probe/tls-probe.ts';
import { VERSION } from '../version.ts';
import { createActivityMetricsInterceptor } from './activity-metrics.ts';
import { createBudgetGateway } from './budget-gateway.ts';
import { createDnsProvider } from './dns-provider.ts';
import { listCertificatesInUse } from './list-certificates-in-use.ts';
import { listCompletedIssuances } from './list-completed-issuances.ts';
import { listIssuancesOfSet } from './list-issuances-of-set.ts';
import { createManagementClusterCheck } from './management-cluster-check.ts';
import { versionOf } from './worker-options.ts';

/** Of the heartbeat that an order waits for before it goes on. */
const CONFIRM_TIMEOUT_MS = 3_000;

/** The activities, their interceptors, and the end of what they use. */
export interface ComposedActivities extends Required<Pick<WorkerOptions, 'interceptors'>> {
  readonly activities: Activities;
  /** The management cluster's API server. */
  readonly kubernetes: KubernetesApi;
  /** What this worker's controller cannot do at the moment, and why. */
  readonly limitations: () => readonly string[];
  /** Whether the CA has limits now, as far as is known. */
  readonly hasBudget: () => Promise<boolean>;
  readonly close: () => Promise<void>;
}

/**
 * Composition root of the activities.
 * @param stopping aborted when the worker starts to shut down.
 * @param startShared starts the worker of the shared task queue.
 * @throws CertmanError `configuration/invalid` without a usable kubeconfig.
 */
export function composeActivities(
  configuration: Configuration,
  client: Client,
  logger: Logger,
  exposition: MetricsExposition,
  stopping: AbortSignal,
  startShared: () => void,
): ComposedActivities {
  const operatorNamespace = configuration.namespace;
  const userAgent = `certman/${VERSION}`;
  const { privateNetworks } = configuration;
  const metrics = createMetrics(exposition.registry);
  const kubernetes = new KubernetesClient(loadKubeConfig(), { namespaces: configuration.watchNamespaces });
  const settings = createOperatorSettings({ kubernetes, operatorNamespace });
  const onWarning = (message: string): void => logger.warn(message);
  const ca = openCas(
    {
      kubernetes,
      settings,
      userAgent,
      onRequest: (resource, status, seconds, problem) => {
        metrics.acmeRequestDuration.observe({ resource, status }, seconds);
        if (problem !== undefined) metrics.acmeProblems.inc({ resource, type: problem });
      },
      onWarning,
      onHealth: (name, isUp) => {
        metrics.caUp.set({ ca: name }, isUp ? 1 : 0);
        if (isUp) logger.info({ ca: name }, 'The CA answers again');
        else
          logger.warn(
            { ca: name },
            'The CA has failed for CERTMAN_FAILOVER_AFTER; orders go to the next one, where there is one that may issue',
          );
      },
    },
    configuration,
  );
  for (const { name } of ca.fallbacks) metrics.caUp.set({ ca: name }, 1);
  const fallbackCaHosts = ca.fallbacks.map(({ name }) => name);
  const caHost = (): Promise<string | undefined> => ca.caHost();
  const crlSource = configuration.crlCheck === 'on' ? new CrlFetcher({ userAgent, privateNetworks }) : undefined;
  const { trustBundle: bundleFile, acmeCaBundle } = configuration;
  const roots = new TrustRoots({ bundleFile, acmeCaBundle, onWarning });
  const publicDns = { resolvers: configuration.dohResolvers, resolverCa: configuration.dohCaBundle };
  const addresses = configuration.servedCheck === 'on' ? new PublicAddresses(publicDns) : undefined;
  const onCrlFetch = (outcome: string): void => metrics.crlFetches.inc({ outcome });
  const revocations = crlSource && new ChainRevocations(crlSource, onCrlFetch);
  const onRefused = (reason: string): void => metrics.refusedChains.inc({ reason });
  const chainGate = new ChainGate({ roots, revocations, onRefused, onWarning });
  const canaryRule = { clusters: configuration.canaryClusters, periodMs: configuration.canaryPeriodMs };
  const canary = new IssuerCanary({
    rule: canaryRule,
    namespace: operatorNamespace,
    onOutcome: (outcome) => metrics.canaryCertificates.inc({ outcome }),
    onDecided: (issuer, state, why) => logger.info({ issuer, state, why }, 'The canary of an issuer has ended'),
  });
  const dnsSources = new DnsSources({
    resolvers: configuration.dohResolvers,
    authoritative: configuration.authoritativeServers,
    resolverCa: configuration.dohCaBundle,
    privateNetworks,
  });
  const propagation = new PropagationCheck(dnsSources, { quorum: configuration.dohQuorum, onWarning });
  const { identity: workerName } = client.options;
  const { challengeZone, challengeZoneSecret } = configuration;
  const dns = createDnsProvider(configuration, {
    kubernetes,
    needsNameServers: dnsSources.needsNameServers,
    onRequest: (service, action) => metrics.dnsRequests.inc({ service, action }),
    onFailure: (service, action, code) => metrics.dnsRequestFailures.inc({ service, action, code }),
  });
  const delegation = new ChallengeDelegation(
    new AliasLookup(dnsSources, dns, challengeZone !== undefined),
    challengeZone,
    configuration.challengeZoneNamespaces === 'all'
      ? undefined
      : (namespace) => allowsChallengeZone(kubernetes, namespace),
  );
  const fleetMetrics = new FleetMetricsExporter({
    exposition,
    list: listCompletedIssuances(client, taskQueueOf(configuration.managementCluster)),
    onError: (error) =>
      logger.warn({ error }, 'could not count the issued certificates; the next count is within 5 minutes'),
  });
  const decommission = { policy: configuration.decommissionPolicy, limitMs: configuration.decommissionLimitMs };
  const {
    keyType,
    acmeProfile: profile,
    managementCluster,
    resyncIntervalMs,
    extraRecord,
    caChangeAllowedTo,
    renewalPolicy,
  } = configuration;
  const persistentRecords =
    configuration.acmeChallenge === 'dns-persist-01'
      ? { validForMs: configuration.persistentRecordsValidForMs }
      : undefined;
  const projection = { managementCluster, extraRecord, standaloneRequests: configuration.standaloneRequests };
  const bundles = new ServedBundles(kubernetes, projection);
  const preflight = configuration.preflight === 'on' ? new Preflight(publicDns) : undefined;
  const onOutcome = (outcome: PreflightOutcome): void => metrics.preflights.inc({ outcome });
  const gateway = createBudgetGateway({
    client,
    list: listCompletedIssuances(client, undefined),
    listInUse: listCertificatesInUse(kubernetes),
    firstCa: caHost,
    startWorker: startShared,
    onWarning,
  });
  const budgetGauges = new BudgetGauges({ registry: exposition.registry, kinds: (account) => gateway.kinds(account) });
  const budget = new OrderBudget({
    gateway,
    onAsked: (account) => budgetGauges.asked(account),
    stated: configuration.caLimits ?? [],
    onOutcome: (outcome) => metrics.budgetOrders.inc({ outcome }),
    onWarning,
  });
  const acme = {
    ca,
    budget,
    kubernetes,
    settings: { keyType, profile, persistentRecords },
    standaloneOrders: new StandaloneOrders(configuration.standaloneOrdersPerDay),
    checks: bundles,
    preflight: preflight && new OrderPreflight({ dns, preflight, onOutcome }),
    delegation,
    chainGate,
    hiveTrust: configuration.hiveTrustCheck === 'on' ? new HiveTrust(onWarning) : undefined,
    canary,
    projection,
    runaway: new RunawayGuard({
      list: listIssuancesOfSet(client),
      onOutcome: (outcome) => metrics.runawayChecks.inc({ outcome }),
    }),
    onProof: (outcome: ProofOutcome): void => metrics.stagingProofs.inc({ outcome }),
    onFailover: (from: string, to: string, refused: string | undefined): void => {
      if (refused === undefined) metrics.caFailovers.inc({ from, to });
      else metrics.caFailoverRefusals.inc({ ca: to, code: refused });
    },
  };
  const dnsDeps = {
    ...acme,
    onLeft: async (cluster: ClusterIdentity, records: readonly TxtRecord[], why: CertmanError): Promise<void> => {
      const names = records.map(({ name }) => oneLine(name, 300));
      metrics.leftRecords.inc(records.length);
      logger.warn(
        { cluster: `${cluster.namespace}/${cluster.name}`, names, problem: why.message },
        'TXT records are left',
      );
      await reportLeftRecords(kubernetes, cluster, records, why).catch((error: unknown) =>
        logger.warn({ error }, 'the Event of the TXT records that are left could not be recorded'),
      );
    },
  };
  const statuses = new StatusReporter(kubernetes);
  const missingFinalizers = new MissingFinalizers();
  return {
    kubernetes,
    limitations: () => fleetMetrics.problems(),
    hasBudget: async () => budget.limitsOf((await caHost()) ?? '') !== undefined,
    activities: {
      ...createKubernetesActivities({
        kubernetes,
        settings,
        caHost,
        fallbackCaHosts,
        caChangeAllowedTo,
        decommission,
        bundles,
        statuses,
        projection,
        missingFinalizers,
        renewalPolicy,
        workflowTaskSlots: configuration.maxConcurrentWorkflowTasks,
        renewals: {
          windows: new RenewalWindowsConfig(operatorNamespace),
          restarts:
            configuration.restartsAtOnce === 0
              ? undefined
              : new RestartTurns(
                  operatorNamespace,
                  { atOnce: configuration.restartsAtOnce, durationMs: configuration.restartDurationMs },
                  ({ code }) => metrics.restartTurnFailures.inc({ code }),
                ),
        },
        releaseTurn: (bundle) => releaseTurns(ca, budget, bundle),
      }),
      ...createAcmeActivities(acme),
      ...createDnsActivities(dns, dnsDeps),
      ...createPropagationActivities(propagation, acme),
      ...createOrderActivities({
        acme,
        statuses,
        dns: createDnsSteps(dns, dnsDeps),
        verifyPropagation: createVerifyPropagation(propagation, acme),
        verifyStanding: createVerifyStanding(propagation, acme),
        confirmHeartbeat: (taskToken, details) =>
          client.withDeadline(Date.now() + CONFIRM_TIMEOUT_MS, () => client.activity.heartbeat(taskToken, details)),
        onStep: (step, seconds) => metrics.issuanceStepDuration.observe({ step }, seconds),
      }),
      ...createWatchActivities({
        kubernetes,
        source: kubernetes,
        // Not that of the attempt, which keeps the connection that the worker had when it began.
        client: () => client,
        caHost,
        ca,
        fallbackCas: ca.fallbacks,
        metrics,
        exposeFleet: (fleet) => fleetMetrics.expose(fleet),
        crlSource,
        sweep: configuration.dnsSweep === 'on' ? { dns, tags: () => ca.sealsIfUsable(), challengeZone } : undefined,
        missingFinalizers,
        servedCheck: addresses && {
          tls: new TlsProbe({ privateNetworks, resolve: (host) => addresses.of(host) }),
          roots,
          intervalMs: configuration.servedCheckIntervalMs,
          withinMs: configuration.servedWithinMs,
        },
        canary:
          canaryRule.clusters === 0
            ? undefined
            : { records: new IssuerRecordStore(kubernetes, operatorNamespace), rule: canaryRule },
        issuerCheck: revocations && new IssuerCheck(roots, revocations),
        logger,
        stopping,
        settings: {
          managementCluster,
          operatorNamespace,
          challengeZoneSecret,
          fallbackAccountSecrets: configuration.fallbackAccounts?.map(({ secretName }) => secretName),
          namespaces: configuration.watchNamespaces,
          resyncIntervalMs,
          workerName,
          extraRecord,
          standaloneRequests: configuration.standaloneRequests,
          caChangeAllowedTo,
          renewalPolicy,
          heldBackPatches: configuration.heldBackPatches,
          versioned: versionOf(configuration) !== undefined,
        },
      }),
    },
    interceptors: {
      activity: [
        createActivityMetricsInterceptor(metrics, () => fleetMetrics.certificateIssued()),
        createManagementClusterCheck(managementCluster),
      ],
    },
    close: async () => {
      fleetMetrics.close();
      budgetGauges.close();
      const lookups = [dnsSources.close(), preflight?.close(), addresses?.close()];
      await Promise.all([ca.close(), ...lookups, kubernetes.close(), crlSource?.close()]);
    },
  };
}
