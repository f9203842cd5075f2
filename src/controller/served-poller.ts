/** Probes clusters for the certificates that they serve, and keeps the condition `Served` of their CertificateRequests. */
import pLimit from 'p-limit';
import { changeDigestOf } from '../certificates/digest.ts';
import {
  BACKGROUND_PROBES_PER_SECOND,
  FOREGROUND_PROBES_PER_SECOND,
  firstProbeAt,
  isBackgroundProbe,
  nextProbeAt,
} from '../certificates/probe-schedule.ts';
import {
  type ExpectedCertificate,
  type NameProbe,
  type ServedCondition,
  servedCondition,
  unprobedCondition,
} from '../certificates/served.ts';
import { endpointsOf, type ServedEndpoint } from '../clusters/served-endpoints.ts';
import { certificateFacts } from '../kubernetes/objects/certificate-facts.ts';
import { likelySyncProblem } from '../kubernetes/objects/cluster-sync.ts';
import type { EventDetails } from '../kubernetes/objects/events.ts';
import type { ObservedRequest } from '../kubernetes/objects/observed-request.ts';
import { involvedObjectOf } from '../kubernetes/objects/primary-object.ts';
import { CERTIFICATE_REQUESTS } from '../kubernetes/objects/resources.ts';
import { isSameServed, type UnprobedRequest, writeServedCondition } from '../kubernetes/objects/served-condition.ts';
import { toRfc3339 } from '../kubernetes/objects/timestamp.ts';
import { KeyedRateLimiter } from '../rate-limit/gcra.ts';
import { SERVED_RESTORATIONS_PER_CERTIFICATE } from '../rate-limit/limits.ts';
import { decodeCertificate } from '../x509/certificate.ts';
import { refusalOfPresented } from '../x509/verify-chain.ts';
import { type CertificateInUse, takeAll } from './controller-cache.ts';
import type { ControllerContext, ServedCheck } from './controller-context.ts';
import { recordOn } from './event-recorder.ts';
import { FailedProbes } from './failed-probes.ts';
import { keyOf } from './namespaced-name.ts';
import type { PollClient, PollResult } from './poller.ts';

/** A cluster that drops packets takes ten seconds; others are probed meanwhile. */
const CONCURRENT_CLUSTERS = 32;
const CONCURRENT_NAMES = 3;
/** In a row, until a certificate that was served is one of which that is not known: a packet or a resolver can fail once. */
const MIN_FAILED_PROBES = 3;

interface ProbedCertificate extends CertificateInUse {
  /** `namespace/name` of its CertificateRequest. */
  readonly key: string;
  readonly serialNumber: string;
}

/** What the poller needs of the controller. */
type ServedPollContext = Pick<ControllerContext, 'cache' | 'kubernetes' | 'queue' | 'metrics' | 'logger' | 'signal'>;

/** The certificate of a ClusterDeployment's request in use: what a standalone one is for is not known. */
function findProbed({ cache }: Pick<ServedPollContext, 'cache'>, key: string): ProbedCertificate | undefined {
  const certificate = cache.certificateInUse(key, Date.now());
  const serialNumber = certificate?.request.serialNumber;
  if (certificate === undefined || certificate.cluster.kind !== undefined || serialNumber === undefined)
    return undefined;
  return { ...certificate, key, serialNumber };
}

/**
 * Another certificate has another one, and so has one that turns out to be just installed: a status can have the certificate
 * before the time of its installation. So has the same one at other endpoints. A digest, since a controller keeps many.
 */
function probedVersionOf({ request, cluster, serialNumber }: ProbedCertificate): number {
  const { notProbed } = cluster.endpoints ?? {};
  const endpoints = notProbed === undefined ? endpointsOf(request.dnsNames, cluster.endpoints) : [];
  const places = notProbed ?? endpoints.map(({ host, port }) => `${host}:${port}`).join(' ');
  return changeDigestOf(`${serialNumber} ${request.installedAt ?? ''} ${places}`);
}

/** Probes certificates after their installation, with a back-off, then rarely; writes a condition only when it changes. */
export function servedPollClient(
  context: ServedPollContext,
  check: ServedCheck,
  failedProbes = new FailedProbes(),
): PollClient<ProbedCertificate> {
  const { cache, queue, signal } = context;
  const changed = cache.changedRequests();
  const restorations = new KeyedRateLimiter(SERVED_RESTORATIONS_PER_CERTIFICATE);

  const countFailures = (certificate: ProbedCertificate, { reason }: ServedCondition): number => {
    const { key } = certificate;
    // One that went out of use during the probe is not polled again, and its entry would stay.
    if (reason === 'Unreachable' && findProbed(context, key) !== undefined)
      return failedProbes.add(key, probedVersionOf(certificate));
    failedProbes.delete(key);
    return 0;
  };

  const pollOne = async (certificate: ProbedCertificate): Promise<PollResult> => {
    const { request } = certificate;
    const condition = await conditionOf(context, check, certificate);
    const failures = countFailures(certificate, condition);
    const nextAfter = (now: number): number =>
      nextProbeAt(condition, { installedAt: request.installedAt, failures, now, intervalMs: check.intervalMs });
    if (failures > 0 && failures < MIN_FAILED_PROBES && request.served?.status === 'True') {
      return { kind: 'skipped', nextPollAt: nextAfter(Date.now()) };
    }
    const written = await write(context, certificate, condition);
    if (written) await reportTurn(context, certificate, condition);
    signal.throwIfAborted();
    return { kind: condition.status === 'True' ? 'answered' : 'responded', nextPollAt: nextAfter(Date.now()) };
  };

  return {
    concurrency: 1,
    concurrentHosts: CONCURRENT_CLUSTERS,
    failurePauseMs: { first: 15_000, max: 10 * 60_000 },
    outageMessages: {
      failing: 'The condition Served of a cluster cannot be written',
      recovered: 'The condition Served of a cluster can be written again',
    },
    changes: () => takeAll(changed),
    find(key) {
      const certificate = findProbed(context, key);
      if (certificate === undefined) failedProbes.delete(key);
      return certificate;
    },
    keyOf: ({ key }) => key,
    versionOf: probedVersionOf,
    hostOf: ({ cluster }) => keyOf(cluster),
    namespacesOf: ({ cluster }) => [cluster.namespace],
    // A controller that takes over goes on with the sweep instead of beginning it.
    firstPollAt: (certificate, now) =>
      isSettled(certificate) ? now + Math.random() * check.intervalMs : firstProbeAt(certificate.request, now),
    earliestPollAt: ({ request }, now) => firstProbeAt(request, now),
    // A condition that another writer has removed comes back.
    changeDueAt: ({ key, request }, now) =>
      request.served === undefined ? now + restorations.tryAcquire(key, performance.now()) : undefined,
    foregroundPerSecond: FOREGROUND_PROBES_PER_SECOND,
    background: {
      perSecond: BACKGROUND_PROBES_PER_SECOND,
      includes: ({ request }, now) => isBackgroundProbe(request, now),
      isHeld: () => queue.hasBackgroundWork,
    },
    poll: (batch) => Promise.all(batch.map(pollOne)),
  };
}

/** Whether the last probe found what it will find again: the next one is one of the sweep. */
function isSettled({ request, cluster, serialNumber }: ProbedCertificate): boolean {
  const { served, dnsNames, secretName } = request;
  const { notProbed } = cluster.endpoints ?? {};
  if (notProbed !== undefined) return served?.reason === notProbed;
  // A name without a public address has none at another port either.
  if (served?.status !== 'True') return served?.reason === 'NotPublic';
  // Its message has the endpoints, which may have changed while no controller ran.
  const probes = endpointsOf(dnsNames, cluster.endpoints).map(({ host, port }) => ({
    kind: 'served' as const,
    where: `${host}:${port}`,
  }));
  return isSameServed(served, servedCondition(probes, { serialNumber, secretName }, { late: false }));
}

async function conditionOf(
  { kubernetes, signal }: ServedPollContext,
  check: ServedCheck,
  certificate: ProbedCertificate,
): Promise<ServedCondition> {
  const { request, cluster, serialNumber } = certificate;
  const { notProbed } = cluster.endpoints ?? {};
  if (notProbed !== undefined) return unprobedCondition(notProbed);
  const endpoints = endpointsOf(request.dnsNames, cluster.endpoints);
  const probes = await pLimit(CONCURRENT_NAMES).map(endpoints, (endpoint) =>
    probe(check, endpoint, request, serialNumber, signal),
  );
  const { installedAt, notBefore = 0, secretName, replacedSerialNumber } = request;
  const installedTime = installedAt === undefined ? undefined : toRfc3339(new Date(installedAt));
  const expected: ExpectedCertificate = { serialNumber, secretName, installedTime, replacedSerialNumber };
  const late = Date.now() > (installedAt ?? notBefore) + check.withinMs;
  const isOther = probes.some(({ kind }) => kind === 'other');
  const cause = late && isOther ? await likelySyncProblem(kubernetes, cluster, installedTime) : undefined;
  return servedCondition(probes, expected, { late, cause });
}

async function probe(
  { tls, roots }: ServedCheck,
  { host, port }: ServedEndpoint,
  { acmeServer = '', notAfter, issuerName }: ObservedRequest,
  serialNumber: string,
  signal: AbortSignal,
): Promise<NameProbe> {
  const where = `${host}:${port}`;
  const found = await tls.read(host, port, signal);
  if (found.kind !== 'chain') return { kind: found.kind, where, why: found.why };
  const [presented] = found.chain;
  const decoded = presented === undefined ? undefined : decodeCertificate(presented.raw);
  if (decoded?.certificate === undefined) {
    return { kind: 'unreachable', where, why: `what it presents ${decoded?.why ?? 'is no certificate'}` };
  }
  const facts = certificateFacts(decoded.certificate);
  const isExpected =
    facts.serialNumber === serialNumber &&
    Date.parse(facts.notAfter) === notAfter &&
    (issuerName === undefined || facts.issuerName === issuerName);
  if (!isExpected) {
    const { serialNumber: other, issuerName: issuer, notAfter: until } = facts;
    return { kind: 'other', where, serialNumber: other, issuerName: issuer, notAfter: until };
  }
  const refusal = refusalOfPresented(found.chain, { trust: roots.of(acmeServer), now: new Date() });
  return refusal === undefined ? { kind: 'served', where } : { kind: 'badChain', where, why: refusal.message };
}

/** @returns whether it was written: not while the condition is there already. */
async function write(
  { kubernetes, cache }: ServedPollContext,
  { request, serialNumber }: ProbedCertificate,
  condition: ServedCondition,
): Promise<boolean> {
  const { namespace, name, uid } = request;
  // As it is after the probe: another writer may have removed it meanwhile, while the next one was due already.
  const cached = cache.requests.get(request);
  const current = cached?.uid === uid ? cached : request;
  if (isSameServed(current.served, condition)) return false;
  return await writeServedCondition(
    kubernetes,
    { namespace, name, uid, serialNumber },
    condition,
    unprobedOf(current, serialNumber),
  );
}

function unprobedOf(
  { served, serialNumber, resourceVersion, generation }: ObservedRequest,
  probed: string,
): UnprobedRequest | undefined {
  const isUnprobed = served === undefined && serialNumber === probed && resourceVersion !== undefined;
  return isUnprobed ? { resourceVersion, generation } : undefined;
}

/** What happens with a certificate is an Event once, and the lag of a certificate that certman installed is measured once. */
async function reportTurn(
  context: ServedPollContext,
  { request, cluster, bundleName }: ProbedCertificate,
  { status, reason, message }: ServedCondition,
): Promise<void> {
  const { metrics, logger } = context;
  const before = request.served;
  if (before?.reason === reason) return;
  const { installedAt, namespace, name, uid } = request;
  // Of a certificate from before the probes began: that it is served is no news, and a fleet has thousands.
  if (status === 'True' && before === undefined && installedAt === undefined) return;
  const wasProbed = before?.reason !== 'PrivateLink' && before?.reason !== 'Hibernating';
  if (status === 'True' && before?.status !== 'True' && installedAt !== undefined && wasProbed) {
    const action = request.replacedSerialNumber === undefined ? 'create' : 'renew';
    metrics.servedLag.observe({ action }, Math.max(0, Date.now() - installedAt) / 1_000);
  }
  const isWarning = reason === 'NotServed' || reason === 'ChainNotTrusted';
  if (!isWarning && reason !== 'Served') return;
  logger[isWarning ? 'warn' : 'info']({ cluster: keyOf(cluster), bundle: bundleName, reason }, message);
  const event: EventDetails = { type: isWarning ? 'Warning' : 'Normal', reason, message };
  const objects = [{ resource: CERTIFICATE_REQUESTS, namespace, name, uid }, involvedObjectOf(cluster)];
  await Promise.all(objects.map((object) => recordOn(context, object, event)));
}

/** While clusters are not probed: removes the conditions of before, which would be out of date. */
export function servedRemovalClient(context: ServedPollContext): PollClient<ProbedCertificate> {
  const { cache, kubernetes, queue } = context;
  const changed = cache.changedRequests();
  return {
    concurrency: 1,
    concurrentHosts: CONCURRENT_CLUSTERS,
    failurePauseMs: { first: 15_000, max: 10 * 60_000 },
    outageMessages: {
      failing: 'The condition Served of a cluster cannot be removed',
      recovered: 'The condition Served of a cluster can be removed again',
    },
    changes: () => takeAll(changed),
    find(key) {
      const certificate = findProbed(context, key);
      return certificate?.request.served === undefined ? undefined : certificate;
    },
    keyOf: ({ key }) => key,
    versionOf: probedVersionOf,
    hostOf: ({ cluster }) => keyOf(cluster),
    namespacesOf: ({ cluster }) => [cluster.namespace],
    background: {
      perSecond: BACKGROUND_PROBES_PER_SECOND,
      includes: () => true,
      isHeld: () => queue.hasBackgroundWork,
    },
    poll: (batch) =>
      Promise.all(
        batch.map(async ({ request, serialNumber }): Promise<PollResult> => {
          const { namespace, name, uid } = request;
          await writeServedCondition(kubernetes, { namespace, name, uid, serialNumber }, undefined);
          return { kind: 'responded', nextPollAt: Date.now() + 3_600_000 };
        }),
      ),
  };
}
