/** The updates `renew` and `release`. Validators are synchronous: an asynchronous one would block the workflow. */
import { ApplicationFailure, condition, patched } from '@temporalio/workflow';
import { isPending, requestRenewal } from '../../src/certificates/renewal-request.ts';
import { failureOf } from '../../src/contract/bundle-record.ts';
import type { ReleaseResult, RenewedCertificate, RenewRequest } from '../../src/contract/cluster-certificates.ts';
import { isRenewRequest } from '../../src/contract/cluster-messages.ts';
import { RENEWAL_REQUESTS } from '../../src/contract/patches.ts';
import type { FailureInfo } from '../../src/failures/failure.ts';
import type { Bundle } from './bundle.ts';
import type { ClusterCertificates, FinalizerResult } from './cluster.ts';

/** @throws ApplicationFailure `renew/rejected` */
export function validateRenew(cluster: ClusterCertificates, request: RenewRequest): void {
  const reject = (message: string): never => rejectUpdate('renew/rejected', message);
  if (!isRenewRequest(request)) return reject('This is no request for a renewal.');
  if (cluster.claimedBy !== undefined)
    reject(`${cluster.name} belongs to ClusterDeployment ${cluster.claimedBy}: renew that one.`);
  if (cluster.decommissioning) reject(`${cluster.name} is being deleted: its certificates are revoked, not renewed.`);
  const gate = cluster.gate();
  if (gate.kind !== 'serve' && gate.kind !== 'decommission')
    reject(`${cluster.name} is not served now: ${gate.message}`);
  const names = cluster.wantedBundles().map(({ name }) => name);
  if (request?.bundleName !== undefined && !names.includes(request.bundleName)) {
    reject(
      `${cluster.name} has no bundle ${request.bundleName} to be generated; it has ${names.length === 0 ? 'none' : names.join(', ')}.`,
    );
  }
  if (names.length === 0) reject(`${cluster.name} has no bundle to be generated.`);
}

/** Returns the new certificates. @throws ApplicationFailure with the failure of the first attempt that failed. */
export async function handleRenew(
  cluster: ClusterCertificates,
  request: RenewRequest,
): Promise<readonly RenewedCertificate[]> {
  const wanted = cluster.wantedBundles();
  const bundles = request?.bundleName === undefined ? wanted : wanted.filter(({ name }) => name === request.bundleName);
  return await Promise.all(bundles.map((bundle) => renewBundle(bundle, request?.exceedLimit === true)));
}

async function renewBundle(bundle: Bundle, exceedLimit: boolean): Promise<RenewedCertificate> {
  const { name: bundleName, attempts, changes, cluster } = bundle;
  const before = attempts.finished;
  // Only a run that gets the update has the marker.
  if (patched(RENEWAL_REQUESTS)) {
    const { renewalRequest, certificate } = bundle.record;
    bundle.learn({ renewalRequest: requestRenewal(renewalRequest, certificate, Date.now()) });
  }
  if (attempts.request(exceedLimit)) changes.notify();
  const isFinished = (): boolean => attempts.finished > before;
  await condition(() => isFinished() || cluster.stopping || bundle.wanted === undefined);
  const { certificate, message } = bundle.record;
  if (isFinished() && attempts.lastOutcome !== 'failed' && certificate !== undefined)
    return { bundleName, certificate };
  const failure = failureOf(bundle.record);
  const isKept = !cluster.stopping && isPending(bundle.record.renewalRequest);
  throw ApplicationFailure.create({
    type: failure?.code ?? (isKept ? 'renew/waits' : 'renew/aborted'),
    message: failure?.message ?? `The renewal ${isKept ? 'waits' : 'was aborted'}: ${message}`,
    nonRetryable: true,
    details: failure === undefined ? undefined : [failure],
  });
}

/** @throws ApplicationFailure `release/rejected` */
export function validateRelease(cluster: ClusterCertificates): void {
  if (cluster.decommissioning) return;
  if (!cluster.view.deleting && cluster.decommissioningBundles().length === 0) {
    rejectUpdate(
      'release/rejected',
      `${cluster.name} is not being deleted, and none of its bundles is being decommissioned: there is nothing to release.`,
    );
  }
  const reason = gateClosedReason(cluster);
  if (reason !== undefined) rejectUpdate('release/rejected', reason);
}

/**
 * Returns what could not be done once all is decommissioned and a cluster's finalizer tried, and ends the release.
 * @throws ApplicationFailure `release/rejected` where a gate was closed meanwhile: the rest is not released.
 */
export async function handleRelease(cluster: ClusterCertificates): Promise<ReleaseResult> {
  const of = cluster.decommissioning ? 'cluster' : 'bundles';
  const bundles = cluster.decommissioningBundles();
  const { started } = cluster.finalizerAttempts;
  cluster.onRelease();
  const failures = (await Promise.all(bundles.map((bundle) => failuresOf(cluster, bundle)))).flat();
  const finalizer = of === 'cluster' ? await finalizerResultAfter(cluster, started) : {};
  return { of, bundleNames: bundles.map(({ name }) => name), failures, ...finalizer };
}

/** Result of an attempt after the first `started`, or of an earlier one that succeeded. */
async function finalizerResultAfter(cluster: ClusterCertificates, started: number): Promise<FinalizerResult> {
  const attempts = cluster.finalizerAttempts;
  const isSettled = (): boolean => attempts.lastResult !== undefined && attempts.lastResult.finalizer !== 'blocked';
  await condition(() => attempts.finished > started || isSettled());
  return attempts.lastResult ?? {};
}

/** What a decommission could not do, once it is over; nothing for a bundle that is wanted again. */
async function failuresOf(cluster: ClusterCertificates, bundle: Bundle): Promise<readonly FailureInfo[]> {
  const resultOf = ({ record }: Bundle) => (record.state === 'Decommissioning' ? record.result : undefined);
  const isOver = (): boolean => resultOf(bundle) !== undefined || !cluster.decommissioningBundles().includes(bundle);
  await condition(() => isOver() || gateClosedReason(cluster) !== undefined);
  bundle.released = false;
  const reason = isOver() ? undefined : gateClosedReason(cluster);
  if (reason !== undefined)
    rejectUpdate('release/rejected', `The decommission of bundle ${bundle.name} waits. ${reason}`);
  return resultOf(bundle)?.failures ?? [];
}

/** Why bundles of a cluster that is not being deleted are not decommissioned now; undefined: they are. */
function gateClosedReason(cluster: ClusterCertificates): string | undefined {
  if (cluster.decommissioning) return undefined;
  if (cluster.claimedBy !== undefined) return `${cluster.name} belongs to ClusterDeployment ${cluster.claimedBy} now.`;
  const gate = cluster.gate();
  return gate.kind === 'serve' ? undefined : `${cluster.name} is not served now: ${gate.message}`;
}

function rejectUpdate(type: 'renew/rejected' | 'release/rejected', message: string): never {
  throw ApplicationFailure.create({ type, message, nonRetryable: true });
}
