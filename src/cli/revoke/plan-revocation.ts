/** Which certificate `certman revoke` revokes, and how; refuses what cannot be. Pure. */
import { canonicalSerial } from '../../campaigns/serial-number.ts';
import { CRL_REASONS, type CrlReason, type CrlReasonName } from '../../certificates/crl-reason.ts';
import {
  expiryOf,
  isRevoked,
  MAX_REQUESTED_REVOCATIONS,
  mayAddRevocation,
} from '../../certificates/requested-revocation.ts';
import { gateOf } from '../../clusters/gate.ts';
import type { BundleRecord } from '../../contract/bundle-record.ts';
import type { ClusterStatus } from '../../contract/cluster-certificates.ts';
import { UsageError } from '../arguments.ts';
import { DEFAULT_REVOKE_AFTER_MS, REVOKE_AFTER } from '../campaign/plan.ts';
import { commandLine } from '../program-name.ts';

/** Flags that say what is revoked, and how. */
export interface RevocationFlags {
  readonly bundle?: string;
  readonly serial?: string;
  readonly reason: CrlReasonName;
  /** Do not replace it first. */
  readonly now?: true;
  readonly revokeAfter?: string;
}

/** What the cluster's workflow is asked for, with what people are shown of it. */
export interface RevocationPlan {
  readonly cluster: string;
  readonly bundleName: string;
  readonly serialNumber: string;
  readonly reason: CrlReason;
  readonly inUse: boolean;
  readonly replaceFirst: boolean;
  /** Milliseconds from the replacement on. */
  readonly delayMs: number;
  /** RFC 3339. */
  readonly notAfter: string;
  readonly issuer?: string;
  /** Name of the CertificateRequest. */
  readonly requestName: string;
}

/** Refuses flags that no certificate could have, before Temporal is asked. @throws UsageError */
export function checkRevocationFlags(flags: RevocationFlags): void {
  if (flags.serial !== undefined) serialOf(flags.serial);
  delayOf(flags);
}

/** @param at epoch milliseconds. @throws UsageError */
export function planRevocation(status: ClusterStatus, flags: RevocationFlags, at: number): RevocationPlan {
  const { namespace, name } = status.cluster.identity;
  const cluster = `${namespace}/${name}`;
  requireServed(status, cluster);
  const [bundleName, record] = bundleOf(status, cluster, flags);
  const { certificate, revokedSerialNumber, revocations = [] } = record;
  const serialNumber = flags.serial === undefined ? certificate?.serialNumber : serialOf(flags.serial);
  const notAfter = serialNumber === undefined ? undefined : expiryOf(record, serialNumber);
  if (serialNumber === undefined || notAfter === undefined)
    throw new UsageError(`bundle ${bundleName} of ${cluster} has no certificate`);
  if (Date.parse(notAfter) <= at)
    throw new UsageError(`certificate ${serialNumber} expired at ${notAfter}; a CA revokes no expired one`);
  const revoked = revocations.find((one) => one.serialNumber === serialNumber && isRevoked(one));
  if (revoked !== undefined || revokedSerialNumber === serialNumber)
    throw new UsageError(`certificate ${serialNumber} is revoked already${since(revoked?.result?.at)}`);
  if (!mayAddRevocation(revocations, serialNumber))
    throw new UsageError(
      `bundle ${bundleName} of ${cluster} has ${MAX_REQUESTED_REVOCATIONS} requested revocations that are pending: ${commandLine(`explain ${cluster}`)}`,
    );
  const inUse = certificate?.serialNumber === serialNumber;
  const replaceFirst = inUse && flags.now !== true;
  return {
    cluster,
    bundleName,
    serialNumber,
    reason: CRL_REASONS[flags.reason],
    inUse,
    replaceFirst,
    delayMs: replaceFirst ? delayOf(flags) : 0,
    notAfter,
    issuer: inUse ? certificate?.issuerName : undefined,
    requestName: record.requestName,
  };
}

/** What is about to be done, in a sentence or two. */
export function planText(plan: RevocationPlan): string {
  const { cluster, bundleName, serialNumber, issuer, inUse, replaceFirst, delayMs } = plan;
  const by = issuer === undefined ? '' : ` by ${issuer}`;
  const what = `certificate ${serialNumber}${by} of ${cluster}, bundle ${bundleName}`;
  if (!inUse) return `This would revoke ${what}, which is not in use.`;
  const restart = "a new certificate of its API restarts a cluster's kube-apiserver";
  if (!replaceFirst)
    return `This would revoke ${what}, now. It is in use: clients may refuse it until Hive has brought its replacement, which is ordered then, to the cluster; ${restart}.`;
  const after =
    delayMs === 0
      ? 'at once'
      : `${Math.round(delayMs / 60_000)} minutes later, or once the cluster serves the new one, a day after that at the latest`;
  return `This would replace ${what}, and revoke it ${after}; ${restart}.`;
}

function requireServed({ cluster: view, decommissioning }: ClusterStatus, cluster: string): void {
  const gate = gateOf(view);
  if (decommissioning || gate.kind === 'decommission')
    throw new UsageError(
      `${cluster} is being deleted, which revokes its certificates: ${commandLine(`status ${cluster}`)}`,
    );
  if (gate.kind !== 'serve')
    throw new UsageError(`${cluster} is not served now, so nothing is revoked: ${gate.message}`);
}

function bundleOf(
  { cluster: view, bundles }: ClusterStatus,
  cluster: string,
  { bundle, serial }: RevocationFlags,
): readonly [string, BundleRecord] {
  const served = Object.entries(bundles).filter(([name]) => view.bundles.some((one) => one.name === name));
  const named = bundle === undefined ? served : served.filter(([name]) => name === bundle);
  const names = served.map(([name]) => name).join(', ');
  if (named.length === 0)
    throw new UsageError(
      `${cluster} has no bundle${bundle === undefined ? '' : ` ${bundle}`}${names === '' ? '' : `; it has ${names}`}`,
    );
  const found =
    serial === undefined ? named : named.filter(([, record]) => expiryOf(record, serialOf(serial)) !== undefined);
  const [only, another] = found;
  if (only === undefined)
    throw new UsageError(
      `certman neither issued nor adopted certificate ${serial ?? ''} for ${cluster}, or it has expired, so it cannot revoke it; its certificates: ${commandLine(`history ${cluster}`)}`,
    );
  if (another !== undefined)
    throw new UsageError(`${cluster} has several bundles; expected --serial, or --bundle with one of ${names}`);
  return only;
}

function serialOf(text: string): string {
  const serial = canonicalSerial(text);
  if (serial !== undefined) return serial;
  throw new UsageError(
    `--serial is "${text.slice(0, 100)}"; expected a serial number in decimal or hexadecimal (with a letter, a colon or 0x)`,
  );
}

function delayOf({ reason, revokeAfter }: RevocationFlags): number {
  if (revokeAfter === undefined) return reason === 'keyCompromise' ? 0 : DEFAULT_REVOKE_AFTER_MS;
  const delayMs = REVOKE_AFTER.parse(revokeAfter);
  if (delayMs !== undefined) return delayMs;
  throw new UsageError(
    `--revoke-after is "${revokeAfter.slice(0, 100)}"; expected a duration such as 0s or 3h, at most 30d`,
  );
}

function since(at: string | undefined): string {
  return at === undefined ? '' : `, since ${at}`;
}
