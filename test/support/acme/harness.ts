/** The ACME activities of a worker, on a real CA behind a fault proxy and on a management cluster with certman's own rights. */

import type { AcmeActivityDeps } from '../../../activities/acme.ts';
import type { PebbleOptions } from '../../../local/stack/parts/pebble.ts';
import type { StoredAccount } from '../../../src/acme/account.ts';
import { CaList } from '../../../src/acme/ca-list.ts';
import type { AcmeClientSource } from '../../../src/acme/client-source.ts';
import type { KeyType } from '../../../src/acme/private-key.ts';
import type { CertificateFacts } from '../../../src/certificates/certificate-facts.ts';
import type { ClusterIdentity, ClusterRef, ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import type { BundleRef } from '../../../src/contract/activities/bundle-ref.ts';
import { ChallengeDelegation } from '../../../src/dns/challenge-delegation.ts';
import { ChainGate, type ChainGateOptions } from '../../../src/issuance/chain-gate.ts';
import type { PreflightStep } from '../../../src/issuance/context.ts';
import { StandaloneOrders } from '../../../src/issuance/standalone-orders.ts';
import { TrustRoots } from '../../../src/issuance/trust-roots.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { zoneTarget } from '../dns/route53-proxy.ts';
import { type FaultProxy, startFaultProxy } from '../faults/fault-proxy.ts';
import { PEBBLE_CONNECTIONS } from '../faults/upstream.ts';
import { eventually } from '../vitest/eventually.ts';
import { caSource, newAccount } from './account.ts';
import { type Pebble, startPebble } from './pebble.ts';
import { type AcmeSteps, ANY_BUNDLE, createAcmeSteps, runAcmeActivity } from './run-activity.ts';

export interface AcmeHarness {
  readonly pebble: Pebble;
  readonly proxy: FaultProxy;
  readonly server: { readonly directoryUrl: string; readonly caPem: string };
  readonly account: { stored: StoredAccount };
  readonly source: AcmeClientSource;
  /** What the activities of a new worker need. */
  deps(kubernetes: KubernetesApi, options?: WorkerOptions): AcmeActivityDeps;
  /** Of a new worker. */
  activities(kubernetes: KubernetesApi, options?: WorkerOptions): AcmeSteps;
  stop(): Promise<void>;
}

export interface WorkerOptions {
  readonly keyType?: KeyType;
  readonly profile?: string;
  readonly account?: { stored: StoredAccount };
  /** Default: any number. */
  readonly standaloneOrders?: StandaloneOrders;
  /** Default: none. */
  readonly preflight?: PreflightStep;
  /** Default: trusts the roots of the CA. */
  readonly chainGate?: Pick<ChainGate, 'verify'>;
}

export async function startAcmeHarness(settings: PebbleOptions = {}): Promise<AcmeHarness> {
  const pebble = await startPebble(settings);
  const proxy = await startFaultProxy({
    target: pebble.url,
    targetCaPem: pebble.caPem,
    tls: pebble.tls,
    ...PEBBLE_CONNECTIONS,
  });
  const server = { directoryUrl: `${proxy.url}/dir`, caPem: pebble.caPem };
  // A CA that refuses many nonces may refuse all tries of a registration.
  const stored = await eventually(
    'an account',
    () => newAccount(server),
    () => true,
  );
  const account = { stored };
  const chainGate = trustingGate(pebble.rootsFile);
  const sources: AcmeClientSource[] = [];
  const openSource = (of: { stored: StoredAccount }): AcmeClientSource => {
    const source = caSource(server, of);
    sources.push(source);
    return source;
  };
  const deps = (kubernetes: KubernetesApi, options: WorkerOptions = {}): AcmeActivityDeps => ({
    ca: new CaList(openSource(options.account ?? account)),
    kubernetes,
    settings: { keyType: options.keyType ?? 'p-256', profile: options.profile },
    standaloneOrders: options.standaloneOrders ?? new StandaloneOrders(Number.MAX_SAFE_INTEGER),
    preflight: options.preflight,
    chainGate: options.chainGate ?? chainGate,
    ...ASKED_FOR,
  });
  return {
    pebble,
    proxy,
    server,
    account,
    source: openSource(account),
    deps,
    activities: (kubernetes, options) => createAcmeSteps(deps(kubernetes, options)),
    stop: async () => {
      await Promise.all(sources.map((source) => source.close()));
      await proxy.close();
      await pebble.stop();
    },
  };
}

/** A gate that trusts the certificates of a file. */
export function trustingGate(
  bundleFile: string,
  options: Pick<ChainGateOptions, 'onRefused' | 'revocations'> = {},
): ChainGate {
  const onWarning = (message: string): never => {
    throw new Error(message);
  };
  return new ChainGate({ roots: new TrustRoots({ bundleFile, onWarning }), onWarning, ...options });
}

/** Every object asks for everything, and no record is delegated: other tests are about that. */
export const ASKED_FOR = {
  checks: {
    requireBundle: () => Promise.resolve(),
    requireZone: () => Promise.resolve(),
    requireChallengeNames: () => Promise.resolve(),
    zoneOf: ({ namespace, name, kind }: ClusterRef) =>
      Promise.resolve(zoneTarget({ namespace, clusterName: name, kind })),
  },
  delegation: new ChallengeDelegation({ aliasOf: () => Promise.resolve(undefined) }, undefined),
  projection: { managementCluster: 'hive' },
};

let clusters = 0;

/** Three names of a cluster, unique to a test. */
export function uniqueDnsNames(): string[] {
  const cluster = `c${(clusters += 1)}.example.com`;
  return [`api.${cluster}`, `rh-api.${cluster}`, `*.apps.${cluster}`];
}

/** Whose workflow issues for a request that no ClusterDeployment owns. */
export function standaloneClusterOf({ namespace, name, uid }: ObjectRef): ClusterIdentity {
  return { managementCluster: 'hive', namespace, name, uid, kind: 'CertificateRequest' };
}

/** The same, of a standalone request, to which other rules apply when its Secret is written. */
export function asStandalone({ cluster, bundleName }: BundleRef): BundleRef {
  return { cluster: { ...cluster, kind: 'CertificateRequest' }, bundleName };
}

/** Runs all steps of an issuance. */
export async function issue(
  activities: AcmeSteps,
  request: ObjectRef,
  dnsNames: readonly string[],
  publish: (order: PlacedOrder) => Promise<void> = () => Promise.resolve(),
  ref: BundleRef = ANY_BUNDLE,
): Promise<{ order: PlacedOrder; certificateUrl: string; facts: CertificateFacts; seal: string | undefined }> {
  const order = await runAcmeActivity(activities, 'placeOrder', { ...ref, dnsNames });
  const { orderUrl, challenges } = order;
  await publish(order);
  if (challenges.length > 0) await runAcmeActivity(activities, 'answerChallenges', { ...ref, orderUrl, challenges });
  const commonName = dnsNames[0] ?? '';
  const { certificateUrl } = await runAcmeActivity(activities, 'finalizeOrder', {
    ...ref,
    orderUrl,
    dnsNames,
    commonName,
    request,
  });
  const install = {
    ...asStandalone(ref),
    orderUrl,
    certificateUrl,
    dnsNames,
    request,
    secretName: 'primary-cert',
  };
  const { seal, ...facts } = await runAcmeActivity(activities, 'installCertificate', install);
  return { order, certificateUrl, facts, seal };
}
