/** Revocations that operators request, one certificate each: a bundle keeps a request, and what has become of it. */
import { isCancellation, log, patched } from '@temporalio/workflow';
import {
  expiryOf,
  isRevoked,
  latestRevocation,
  mayAddRevocation,
  notReplaced,
  pendingRevocations,
  type RequestedRevocation,
  type RevocationResult,
  replacedOne,
  revocationMessage,
  toReplaceFirst,
  withRevocation,
} from '../../src/certificates/requested-revocation.ts';
import { scheduleRetry } from '../../src/certificates/scheduled-retry.ts';
import { nextServedCheck } from '../../src/certificates/served-wait.ts';
import type { RevocationEntry } from '../../src/contract/activities/acme.ts';
import { withRevokedAt } from '../../src/contract/known-certificates.ts';
import { PUT_BACK, REVOCATION_REQUESTS } from '../../src/contract/patches.ts';
import type { RevocationRequest } from '../../src/contract/revocation-request.ts';
import { revokeReplaced, revokeRequested } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { Bundle } from './bundle.ts';
import { NOW, ON_CHANGE, type Wake } from './sleep-until.ts';

/** Takes a request; `certman revoke` refuses beforehand what cannot be. */
export function acceptRevocation(bundle: Bundle | undefined, request: RevocationRequest): void {
  // Only a run that gets the signal has the marker.
  if (!patched(REVOCATION_REQUESTS)) return;
  if (bundle?.wanted === undefined) {
    log.warn('A revocation was requested of a bundle that there is not', { ...request });
    return;
  }
  const { serialNumber, reason, replaceFirst, delayMs } = request;
  const { revocations = [] } = bundle.record;
  const known = revocations.find((one) => one.serialNumber === serialNumber);
  if (known !== undefined && isRevoked(known)) return;
  if (!mayAddRevocation(revocations, serialNumber)) {
    log.warn('Too many revocations are pending', { ...request });
    return;
  }
  const requestedAt = known?.result === undefined ? (known?.requestedAt ?? now()) : now();
  const added = { serialNumber, reason, replaceFirst, delayMs, requestedAt };
  bundle.learn({ revocations: withRevocation(revocations, added) });
  bundle.changes.notify();
}

/** Serial number of the certificate in use that is replaced so that it can be revoked; undefined: none is. */
export function certificateToReplace(bundle: Bundle): string | undefined {
  const request = toReplaceFirst(bundle.record);
  if (request?.revokeAt !== undefined) replaceAgain(bundle, request);
  return request?.serialNumber;
}

/** A person has put it back into the Secret. @returns false in a run in which that happened before there was the marker. */
function replaceAgain(bundle: Bundle, request: RequestedRevocation): boolean {
  if (!patched(PUT_BACK)) return false;
  update(bundle, notReplaced(request));
  return true;
}

/** After an evaluation: revokes what may be revoked now. @returns when the bundle wakes. */
export async function settleRevocations(bundle: Bundle, wake: Wake): Promise<Wake> {
  let next = wake;
  for (const revocation of pendingRevocations(bundle.record)) {
    const scheduled = schedule(bundle, revocation);
    if (scheduled === undefined || !isDue(bundle, scheduled)) continue;
    await attempt(bundle, scheduled);
    // The one in use was revoked: it is replaced at once.
    if (bundle.record.certificate?.serialNumber === bundle.record.revokedSerialNumber) next = NOW;
  }
  return Math.min(next, revocationWake(bundle));
}

/** When an attempt at a revocation is repeated. */
export function revocationWake({ record }: Bundle): Wake {
  if (record.state === 'Paused') return ON_CHANGE;
  const instants = pendingRevocations(record).flatMap(({ retry, revokeAt }) => retry?.nextAttempt ?? revokeAt ?? []);
  return Math.min(ON_CHANGE, ...instants.map((instant) => Date.parse(instant)));
}

/** @returns undefined while the certificate has to be replaced first. */
function schedule(bundle: Bundle, revocation: RequestedRevocation): RequestedRevocation | undefined {
  const { serialNumber, replaceFirst, revokeAt } = revocation;
  if (!replaceFirst) return revocation;
  if (bundle.record.certificate?.serialNumber === serialNumber)
    return revokeAt === undefined || replaceAgain(bundle, revocation) ? undefined : revocation;
  if (revokeAt !== undefined) return revocation;
  const scheduled = replacedOne(revocation, Date.now());
  update(bundle, scheduled);
  return scheduled;
}

function isDue({ record }: Bundle, { revokeAt, retry }: RequestedRevocation): boolean {
  // A pause revokes nothing.
  if (record.state === 'Paused') return false;
  const at = retry?.nextAttempt ?? revokeAt;
  return at === undefined || Date.parse(at) <= Date.now();
}

async function attempt(bundle: Bundle, revocation: RequestedRevocation): Promise<void> {
  const { serialNumber, retry } = revocation;
  try {
    const result = await resultOf(bundle, revocation);
    await (result.outcome === 'stillServed'
      ? waitUntilServed(bundle, revocation, result.message)
      : settle(bundle, revocation, result));
  } catch (error) {
    if (isCancellation(error)) throw error;
    const failure = failureIn(error);
    const next = scheduleRetry(failure, Date.now(), `${bundle.jitterKey}/revoke/${serialNumber}`, retry);
    log.warn('A certificate could not be revoked', { bundle: bundle.name, serialNumber, ...next });
    update(bundle, { ...revocation, retry: next });
    await bundle.show();
  }
}

/** Clients that check revocation would refuse the cluster. At the latest instant, it is revoked all the same. */
async function waitUntilServed(bundle: Bundle, revocation: RequestedRevocation, stillServed: string): Promise<void> {
  const { replacedAt = now() } = revocation;
  const revokeAt = nextServedCheck(replacedAt, latestRevocation(revocation) ?? now(), Date.now());
  update(bundle, { ...revocation, revokeAt, stillServed, retry: undefined });
  await bundle.show();
}

async function resultOf(
  bundle: Bundle,
  revocation: RequestedRevocation,
): Promise<Pick<RevocationEntry, 'message'> & { readonly outcome: string }> {
  const { serialNumber, reason } = revocation;
  const { cluster, name: bundleName, record: known } = bundle;
  const { secretName, dnsNames, requestName } = known;
  const expiry = expiryOf(known, serialNumber);
  if (expiry === undefined)
    return {
      outcome: 'unknown',
      message: `${cluster.name} has no certificate ${serialNumber} in bundle ${bundleName}.`,
    };
  if (Date.parse(expiry) <= Date.now()) return { outcome: 'expired', message: `It expired at ${expiry}.` };
  const certificate = known.issued.find((one) => one.serialNumber === serialNumber);
  const of = { cluster: cluster.view.identity, bundleName, secretName, dnsNames, reason };
  if (known.certificate?.serialNumber === serialNumber)
    return await revokeRequested.executeWithOptions({ summary: `revoke ${serialNumber}, which is in use` }, [
      { ...of, requestName, serialNumber, certificate },
    ]);
  if (certificate === undefined)
    return { outcome: 'unknown', message: 'Neither its URL nor the certificate is known.' };
  const latestAt = latestRevocation(revocation);
  const unlessStillServed = latestAt !== undefined && Date.parse(latestAt) > Date.now() ? true : undefined;
  return await revokeReplaced.executeWithOptions({ summary: `revoke ${serialNumber}, which is not in use` }, [
    { ...of, certificate, unlessStillServed },
  ]);
}

async function settle(
  bundle: Bundle,
  revocation: RequestedRevocation,
  { outcome, message }: Pick<RevocationResult, 'outcome' | 'message'>,
): Promise<void> {
  const settled = { ...revocation, retry: undefined, result: { outcome, message, at: now() } };
  update(bundle, settled);
  const { serialNumber } = revocation;
  const revoked = isRevoked(settled);
  if (revoked) bundle.learn({ issued: withRevokedAt(bundle.record.issued, serialNumber, now()) });
  if (revoked && bundle.record.certificate?.serialNumber === serialNumber)
    bundle.learn({ revokedSerialNumber: serialNumber });
  await bundle.show({
    type: revoked ? 'Normal' : 'Warning',
    reason: revoked ? 'Revoked' : 'NotRevoked',
    message: revocationMessage(settled),
  });
}

/** A request that has taken its place meanwhile is kept, unless this one is settled. */
function update(bundle: Bundle, changed: RequestedRevocation): void {
  const { revocations = [] } = bundle.record;
  bundle.learn({
    revocations: revocations.map((one) => (isOf(one, changed) ? changed : one)),
  });
}

function isOf(one: RequestedRevocation, { serialNumber, replaceFirst, result }: RequestedRevocation): boolean {
  return one.serialNumber === serialNumber && (result !== undefined || one.replaceFirst === replaceFirst);
}

function now(): string {
  return new Date(Date.now()).toISOString();
}
