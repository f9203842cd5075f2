/** A CertificateRequest, a worker and a set of names for each test, on one CA and one management cluster for each file. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { PebbleOptions } from '../../../local/stack/parts/pebble.ts';
import type { ClusterIdentity, ObjectRef } from '../../../src/clusters/cluster-identity.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import type { OwnershipProof } from '../../../src/contract/activities/txt-records.ts';
import { type KubernetesObject } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { readTlsSecret, type TlsSecret } from '../../../src/kubernetes/objects/tls-secret.ts';
import type { SeenRequest } from '../faults/fault-proxy.ts';
import { type TestManagementCluster, useManagementCluster } from '../kubernetes/management-cluster.ts';
import { type AcmeHarness, asStandalone, startAcmeHarness, uniqueDnsNames } from './harness.ts';
import { type AcmeSteps, ANY_BUNDLE, runAcmeActivity } from './run-activity.ts';

/** Pebble's resources, by the first segment of the path. */
const RESOURCES: Readonly<Record<string, string>> = {
  dir: 'directory',
  'nonce-plz': 'newNonce',
  'order-plz': 'newOrder',
  'my-order': 'order',
  authZ: 'authorization',
  chalZ: 'challenge',
  'finalize-order': 'finalize',
  certZ: 'certificate',
};

const resourceOf = (seen: SeenRequest): string => RESOURCES[seen.path.split('/')[1] ?? ''] ?? seen.path;

/** Matches the requests for one kind of resource. */
export function isRequestFor(resource: string): (seen: SeenRequest) => boolean {
  return (seen) => resourceOf(seen) === resource;
}

export class IssuanceHarness {
  readonly managementCluster: TestManagementCluster;
  readonly lab: AcmeHarness;
  readonly request: ObjectRef;
  readonly dnsNames: readonly string[] = uniqueDnsNames();
  readonly activities: AcmeSteps;

  constructor(managementCluster: TestManagementCluster, lab: AcmeHarness, request: ObjectRef) {
    this.managementCluster = managementCluster;
    this.lab = lab;
    this.request = request;
    this.activities = lab.activities(managementCluster.certman);
  }

  /** Requests to the CA, by resource. */
  requestCounts(): Readonly<Record<string, number>> {
    const all = Object.values(RESOURCES).map((resource) => [
      resource,
      this.lab.proxy.seen.filter(isRequestFor(resource)).length,
    ]);
    return Object.fromEntries(all) as Record<string, number>;
  }

  placeOrder(resume?: string): Promise<PlacedOrder> {
    const input = { dnsNames: this.dnsNames, ...(resume === undefined ? {} : { resume }) };
    return runAcmeActivity(this.activities, 'placeOrder', input);
  }

  /** Places an order and validates its names. */
  async placeReadyOrder(): Promise<PlacedOrder> {
    const order = await this.placeOrder();
    await runAcmeActivity(this.activities, 'answerChallenges', order);
    return order;
  }

  finalizeInput(order: PlacedOrder) {
    return { orderUrl: order.orderUrl, dnsNames: this.dnsNames, request: this.request };
  }

  installInput(order: Pick<PlacedOrder, 'orderUrl'>, certificateUrl: string) {
    const { dnsNames, request } = this;
    return {
      ...asStandalone(ANY_BUNDLE),
      orderUrl: order.orderUrl,
      certificateUrl,
      dnsNames,
      request,
      secretName: 'primary-cert',
    };
  }

  /** Of an order that was placed for {@link ANY_BUNDLE}. */
  async sealed(orderUrl: string): Promise<string> {
    const { cluster, bundleName } = ANY_BUNDLE;
    return (await this.lab.source.seals()).sealOrder(cluster, bundleName, orderUrl);
  }

  /** As `verifyPropagation` returns it. */
  async ownershipProof(
    cluster: ClusterIdentity,
    dnsNames: readonly string[],
    at = Date.now(),
  ): Promise<OwnershipProof> {
    const verifiedAt = new Date(at).toISOString();
    const seals = await this.lab.source.seals();
    return { verifiedAt, seal: seals.seal(cluster, { of: 'ownership', dnsNames, verifiedAt }) };
  }

  /** Finalizes an order. @param profile of the CA. @returns the input of installCertificate. */
  async finalizeOrder(profile?: string) {
    const activities =
      profile === undefined ? this.activities : this.lab.activities(this.managementCluster.certman, { profile });
    const order = await runAcmeActivity(activities, 'placeOrder', { dnsNames: this.dnsNames });
    await runAcmeActivity(activities, 'answerChallenges', order);
    const input = this.finalizeInput(order);
    const { certificateUrl } = await runAcmeActivity(this.activities, 'finalizeOrder', input);
    return this.installInput(input, certificateUrl);
  }

  tlsSecret(): Promise<TlsSecret> {
    return readTlsSecret(this.managementCluster.admin, { namespace: this.request.namespace, name: 'primary-cert' });
  }

  stagingSecret(): Promise<KubernetesObject | undefined> {
    return this.managementCluster.admin.get(SECRETS, { namespace: this.request.namespace, name: 'c1-primary-staging' });
  }
}

/** Sets up a test file: `const issuance = useIssuance();`, then `issuance()` within tests. */
export function useIssuance(pebble: PebbleOptions = {}): () => IssuanceHarness {
  const managementCluster = useManagementCluster();
  let lab: AcmeHarness | undefined;
  let current: IssuanceHarness | undefined;
  beforeAll(async () => {
    // Requests are counted; client.test.ts tests refused nonces.
    lab = await startAcmeHarness({ nonceReject: 0, ...pebble });
  });
  afterAll(() => lab?.stop());
  beforeEach(async () => {
    if (lab === undefined) return;
    current = new IssuanceHarness(managementCluster(), lab, await managementCluster().request());
    lab.proxy.clearSeen();
  });
  return () => {
    if (current === undefined) throw new Error('call it within a test');
    return current;
  };
}
