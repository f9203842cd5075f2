/** The activity that completes an order: whatever interrupts it, the next attempt resumes, and repeats nothing. */
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { beforeEach, describe, expect, it } from 'vitest';
import type { DnsSteps } from '../../../activities/dns.ts';
import { createOrderActivities } from '../../../activities/order.ts';
import type { PlacedOrder } from '../../../src/contract/activities/acme.ts';
import type { TxtRecordsInput } from '../../../src/contract/activities/dns.ts';
import type { CompletedOrder, CompleteOrderInput } from '../../../src/contract/activities/order.ts';
import { CertmanError } from '../../../src/failures/failure.ts';
import type { KubernetesApi } from '../../../src/kubernetes/api/kubernetes-api.ts';
import { SECRETS } from '../../../src/kubernetes/objects/resources.ts';
import { asStandalone } from '../../support/acme/harness.ts';
import { ANY_BUNDLE } from '../../support/acme/run-activity.ts';
import { isRequestFor, useIssuance } from '../../support/acme/use-issuance.ts';
import { zoneTarget } from '../../support/dns/route53-proxy.ts';
import type { Fault, SeenRequest } from '../../support/faults/fault-proxy.ts';
import { type Attempt, runActivity } from '../../support/temporal/run-activity.ts';

const issuance = useIssuance();

const OTHER = { name: '_acme-challenge.old.example.com', value: 'left by an earlier order' };

let withdrawn: TxtRecordsInput[];
let withdrawal: DnsSteps['withdrawTxtRecords'];
beforeEach(() => {
  withdrawn = [];
  withdrawal = (_attempt, input) => {
    withdrawn.push(input);
    return Promise.resolve();
  };
});

/** Of a new worker. */
function completing(
  kubernetes: KubernetesApi = issuance().managementCluster.certman,
): (input: CompleteOrderInput) => Promise<CompletedOrder> {
  const { lab } = issuance();
  const unused = () => Promise.reject(new Error('not a step of this activity'));
  const activities = createOrderActivities({
    confirmHeartbeat: () => Promise.resolve(),
    acme: lab.deps(kubernetes),
    dns: { publishTxtRecords: unused, withdrawTxtRecords: (attempt, input) => withdrawal(attempt, input) },
    verifyPropagation: unused,
    verifyStanding: unused,
    statuses: { report: unused },
  });
  return (input) => activities.completeOrder(input);
}

function countingReads(kubernetes: KubernetesApi, reads: string[]): KubernetesApi {
  return {
    get: (resource, key) => {
      if (resource === SECRETS) reads.push(key.name);
      return kubernetes.get(resource, key);
    },
    list: (...args) => kubernetes.list(...args),
    apply: (...args) => kubernetes.apply(...args),
    create: (...args) => kubernetes.create(...args),
    patch: (...args) => kubernetes.patch(...args),
    delete: (...args) => kubernetes.delete(...args),
    withSignal: (signal) => countingReads(kubernetes.withSignal(signal), reads),
  };
}

async function inputOf({ orderUrl, challenges }: PlacedOrder): Promise<CompleteOrderInput> {
  const { dnsNames, request } = issuance();
  const { cluster, bundleName } = asStandalone(ANY_BUNDLE);
  return {
    cluster,
    bundleName,
    orderUrl,
    challenges,
    dnsNames,
    request,
    secretName: 'primary-cert',
    ownershipProof: await issuance().ownershipProof(cluster, dnsNames),
    zone: zoneTarget({ zoneName: 'example.com' }),
    otherRecords: [OTHER],
  };
}

async function placed(): Promise<CompleteOrderInput> {
  const order = await issuance().placeOrder();
  const seals = await issuance().lab.source.seals();
  const input = await inputOf(order);
  // Sealed for the same object as the Secret's rules are for.
  const orderUrl = seals.sealOrder(input.cluster, input.bundleName, order.orderUrl.split('#')[0] ?? '');
  return { ...input, orderUrl };
}

interface Interrupted {
  readonly code: unknown;
  readonly unfinished: unknown;
  readonly heartbeatDetails: unknown;
}

/** An attempt that a fault ends: one without an answer, by a cancellation as soon as the CA is asked. */
async function interrupted(
  input: CompleteOrderInput,
  resource: string,
  fault: Fault,
  attempt: Attempt = {},
): Promise<Interrupted> {
  const { lab } = issuance();
  let cancel = (): void => undefined;
  const when = (request: SeenRequest): boolean => {
    const isHit = isRequestFor(resource)(request);
    if (isHit && fault.kind === 'hang') cancel();
    return isHit;
  };
  const injected = lab.proxy.inject({ when, fault });
  let heartbeatDetails: unknown;
  const onHeartbeat = (details: unknown): void => void (heartbeatDetails = details);
  const onStart: Attempt['onStart'] = (ofAttempt) => (cancel = ofAttempt);
  try {
    await runActivity(completing(), input, { ...attempt, onHeartbeat, onStart });
  } catch (error) {
    if (error instanceof CancelledFailure) return { code: 'cancelled', unfinished: error.details[0], heartbeatDetails };
    if (!(error instanceof ApplicationFailure)) throw error;
    return { code: error.type, unfinished: error.details?.[1], heartbeatDetails };
  } finally {
    injected.remove();
    lab.proxy.clearSeen();
  }
  throw new Error('it was not interrupted');
}

const SERVER_ERROR: Fault = { kind: 'answer', status: 503 };

describe('completing an order', () => {
  it('answers, finalizes, installs and withdraws, with as many requests as in steps of their own', async () => {
    const input = await placed();
    issuance().lab.proxy.clearSeen();
    const { certificateUrl, installed, withdrawn: isWithdrawn } = await runActivity(completing(), input);
    expect(certificateUrl).toContain('/certZ/');
    expect(isWithdrawn).toBe(true);
    expect(withdrawn.map(({ records }) => records)).toEqual([[...input.challenges.map(({ record }) => record), OTHER]]);
    const { seal: _, ...facts } = installed;
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid', certificate: facts });
    expect(await issuance().stagingSecret()).toBeUndefined();
    expect(issuance().requestCounts()).toMatchObject({
      newOrder: 0,
      authorization: 0,
      challenge: 3,
      finalize: 1,
      certificate: 1,
    });
  });

  it('reads no Secret that it has staged, or that was missing when the bundle was evaluated', async () => {
    const reads: string[] = [];
    const { certman } = issuance().managementCluster;
    const input = { ...(await placed()), secretMissing: true } as const;
    await runActivity(completing(countingReads(certman, reads)), input);
    expect(await issuance().tlsSecret()).toMatchObject({ kind: 'valid' });
    expect(await issuance().stagingSecret()).toBeUndefined();
    expect(reads).toEqual([]);
  });

  it('reads a Secret that was created since', async () => {
    const reads: string[] = [];
    const { certman, admin } = issuance().managementCluster;
    const input = { ...(await placed()), secretMissing: true } as const;
    const { namespace } = issuance().request;
    await admin.create(SECRETS, { metadata: { namespace, name: input.secretName }, type: 'Opaque' });
    await expect(runActivity(completing(countingReads(certman, reads)), input)).rejects.toMatchObject({
      type: 'kubernetes/secretBroken',
    });
    expect(reads).toEqual([input.secretName]);
  });

  it('resumes when its finalization has lost its answer: nothing is answered, finalized or withdrawn again', async () => {
    const input = await placed();
    const first = await interrupted(input, 'finalize', { kind: 'cutAfter' });
    expect(first).toMatchObject({
      code: 'acme/unreachable',
      unfinished: undefined,
      heartbeatDetails: { step: 'finalizeOrder', withdrawn: true },
    });
    const { heartbeatDetails } = first;
    const { withdrawn: isWithdrawn } = await runActivity(completing(), input, { attempt: 2, heartbeatDetails });
    expect(isWithdrawn).toBe(true);
    expect(withdrawn).toHaveLength(1);
    expect(issuance().requestCounts()).toMatchObject({ challenge: 0, authorization: 0, finalize: 0, certificate: 1 });
  });

  it('resumes at the certificate once it is issued', async () => {
    const input = await placed();
    const first = await interrupted(input, 'certificate', SERVER_ERROR);
    expect(first).toMatchObject({ code: 'acme/serverError', heartbeatDetails: { step: 'installCertificate' } });
    expect(first.unfinished).toBeUndefined();
    const { heartbeatDetails } = first;
    const { certificateUrl } = await runActivity(completing(), input, { attempt: 2, heartbeatDetails });
    expect(certificateUrl).toBe((heartbeatDetails as { certificateUrl: string }).certificateUrl);
    expect(issuance().requestCounts()).toMatchObject({ challenge: 0, order: 0, finalize: 0, certificate: 1 });
  });

  it.each([['finalize'], ['certificate']])(
    'with the key that was staged, after a worker that died at the request %s and recorded nothing',
    async (resource) => {
      const input = await placed();
      await interrupted(input, resource, { kind: 'cutAfter' });
      const staged = await issuance().stagingSecret();
      expect(staged).toBeDefined();
      const { installed } = await runActivity(completing(), input, { attempt: 2 });
      const secret = await issuance().tlsSecret();
      expect(secret).toMatchObject({ kind: 'valid', certificate: { fingerprint: installed.fingerprint } });
      expect(issuance().requestCounts()).toMatchObject({ newOrder: 0, challenge: 0, finalize: 0 });
    },
  );

  it('says of a failure before it finalizes that no certificate was issued, unless an attempt before may have', async () => {
    const input = await placed();
    const notFinalized = { notFinalized: true };
    expect((await interrupted(input, 'challenge', SERVER_ERROR)).unfinished).toEqual(notFinalized);
    const later = await interrupted(input, 'authorization', SERVER_ERROR, { attempt: 2 });
    expect(later).toMatchObject({ code: 'acme/serverError', unfinished: undefined });
  });

  it('says so of a cancellation, too', async () => {
    const first = await interrupted(await placed(), 'challenge', { kind: 'hang' });
    expect(first).toMatchObject({ code: 'cancelled', unfinished: { notFinalized: true } });
    const second = await interrupted(await placed(), 'certificate', { kind: 'hang' });
    expect(second).toMatchObject({ code: 'cancelled', unfinished: undefined });
  });

  it('installs the certificate although the TXT records cannot be withdrawn, and says that', async () => {
    withdrawal = () => Promise.reject(new CertmanError({ code: 'dns/throttled', message: 'Too many.' }));
    const { installed, withdrawn: isWithdrawn } = await runActivity(completing(), await placed());
    expect(isWithdrawn).toBe(false);
    expect(await issuance().tlsSecret()).toMatchObject({ certificate: { fingerprint: installed.fingerprint } });
  });
});
