/** One CertificateRequest, one worker and one set of names for each test, on a CA and a hub for the whole file. */
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { AcmeActivities, ObjectRef, PlacedOrder } from '../../activities/contract.ts';
import { type KubernetesObject, SECRETS } from '../../src/kubernetes/kubernetes-api.ts';
import { readTlsSecret, type TlsSecret } from '../../src/kubernetes/secrets.ts';
import { runAcmeActivity } from './acme-activity-run.ts';
import { type AcmeLab, someNames, startAcmeLab } from './acme-lab.ts';
import type { SeenRequest } from './fault-proxy.ts';
import { type Hub, useHub } from './hub.ts';

/** What is asked of Pebble, by the first part of its paths. */
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
export function asksFor(resource: string): (seen: SeenRequest) => boolean {
  return (seen) => resourceOf(seen) === resource;
}

export class Issuance {
  readonly hub: Hub;
  readonly lab: AcmeLab;
  readonly request: ObjectRef;
  readonly dnsNames: readonly string[] = someNames();
  readonly activities: AcmeActivities;

  constructor(hub: Hub, lab: AcmeLab, request: ObjectRef) {
    this.hub = hub;
    this.lab = lab;
    this.request = request;
    this.activities = lab.activities(hub.certman);
  }

  /** Requests that the CA got, by resource. */
  asked(): Readonly<Record<string, number>> {
    const all = Object.values(RESOURCES).map((resource) => [
      resource,
      this.lab.proxy.seen.filter(asksFor(resource)).length,
    ]);
    return Object.fromEntries(all) as Record<string, number>;
  }

  place(resume?: string): Promise<PlacedOrder> {
    const input = { dnsNames: this.dnsNames, ...(resume === undefined ? {} : { resume }) };
    return runAcmeActivity(this.activities, 'placeOrder', input);
  }

  /** An order whose names are all proved. */
  async ready(): Promise<PlacedOrder> {
    const order = await this.place();
    await runAcmeActivity(this.activities, 'answerChallenges', order);
    return order;
  }

  finalizeInput(order: PlacedOrder) {
    return { orderUrl: order.orderUrl, dnsNames: this.dnsNames, request: this.request };
  }

  /** The input of installCertificate for an order that was issued. */
  async finalized() {
    const input = this.finalizeInput(await this.ready());
    const { certificateUrl } = await runAcmeActivity(this.activities, 'finalizeOrder', input);
    return { ...input, certificateUrl, secretName: 'primary-cert' };
  }

  tlsSecret(): Promise<TlsSecret> {
    return readTlsSecret(this.hub.admin, { namespace: this.request.namespace, name: 'primary-cert' });
  }

  stagingSecret(): Promise<KubernetesObject | undefined> {
    return this.hub.admin.get(SECRETS, { namespace: this.request.namespace, name: 'c1-primary-staging' });
  }
}

/** For a whole test file: `const issuance = useIssuance();`, then `issuance()` inside tests. */
export function useIssuance(): () => Issuance {
  const hub = useHub();
  let lab: AcmeLab | undefined;
  let current: Issuance | undefined;
  beforeAll(async () => {
    // Nonces are refused in client.test.ts; here requests are counted.
    lab = await startAcmeLab({ nonceReject: 0 });
  });
  afterAll(() => lab?.stop());
  beforeEach(async () => {
    if (lab === undefined) return;
    current = new Issuance(hub(), lab, await hub().request());
    lab.proxy.forget();
  });
  return () => {
    if (current === undefined) throw new Error('an issuance is there only while tests run');
    return current;
  };
}
