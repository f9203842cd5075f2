/** One order for a bundle, through its child workflow: what it is asked for, and what is kept of a success. */
import { executeChild, ParentClosePolicy } from '@temporalio/workflow';
import { nameSetDigest } from '../../src/certificates/digest.ts';
import { lifetimeOf } from '../../src/certificates/planned-renewal.ts';
import { type BundleView, zoneTargetOf } from '../../src/clusters/cluster-view.ts';
import type { RequestObservation } from '../../src/contract/activities.ts';
import {
  type CertificateIssuanceInput,
  type CertificateIssuanceResult,
} from '../../src/contract/certificate-issuance.ts';
import { certClusterOf, issuanceWorkflowId } from '../../src/contract/ids.ts';
import { CertCluster, CertNameSet, CertNames, CertReason } from '../../src/contract/search-attributes.ts';
import { type FailureInfo, retryModeOf } from '../../src/failures/failure.ts';
import { orderAllowedAt, recordIssuance } from '../../src/rate-limit/exact-set-limit.ts';
import { certificateIssuance, describeNames } from '../certificate-issuance.ts';
import type { ClusterState } from './cluster-state.ts';
import { readyRecord } from './ready-record.ts';
import { plannedRenewalOf } from './renewal-decision.ts';
import { reportBundle, reportWhenSlow } from './status-reporting.ts';

type ValidNames = Extract<BundleView['names'], { readonly kind: 'valid' }>;

/** A bundle whose names a certificate can carry. */
export interface OrderableBundle extends BundleView {
  readonly names: ValidNames;
}

export function isOrderable(bundle: BundleView): bundle is OrderableBundle {
  return bundle.names.kind === 'valid';
}

/** Orders, and records the certificate once it is in its Secret. @returns when it is to be renewed (epoch milliseconds). */
export async function orderCertificate(
  cluster: ClusterState,
  bundle: OrderableBundle,
  observation: RequestObservation,
  why: { readonly reason: string; readonly message: string },
): Promise<number> {
  const { dnsNames } = bundle.names;
  const before = cluster.record(bundle.name);
  const renewing = before.certificate !== undefined;
  const attempt = before.orders + 1;
  cluster.update(bundle.name, {
    state: renewing ? 'Renewing' : 'Issuing',
    message: `Ordering ${describeNames(dnsNames)}: ${why.message}`,
    orders: attempt,
    nextAttempt: undefined,
  });
  const result = await cluster.attempts.run(bundle, () =>
    reportWhenSlow(cluster, bundle.name, () =>
      executeChild(certificateIssuance, {
        workflowId: issuanceWorkflowId(cluster.view.identity, bundle.name, attempt),
        staticSummary: `${renewing ? 'Renew' : 'Issue'} ${describeNames(dnsNames)}`,
        typedSearchAttributes: [
          { key: CertCluster, value: certClusterOf(cluster.view.identity) },
          { key: CertNames, value: dnsNames.slice(0, 10) },
          { key: CertNameSet, value: nameSetDigest(dnsNames) },
          { key: CertReason, value: why.reason },
        ],
        // An operator who terminates the cluster's workflow must not leave TXT records behind.
        parentClosePolicy: ParentClosePolicy.REQUEST_CANCEL,
        args: [issuanceInput(cluster, bundle, observation, why)],
      }),
    ),
  );
  return await recordIssued(cluster, bundle, observation, result, renewing);
}

/** @returns why nothing may be ordered yet, when the limit on the exact set of names is used up. */
export function rateLimitFailure(
  cluster: ClusterState,
  bundle: OrderableBundle,
  { caHost }: RequestObservation,
): FailureInfo | undefined {
  const { rateLimitState: allowances = [], certificate, openOrder } = cluster.record(bundle.name);
  // An order that is open is gone on with: nothing new is asked of the CA.
  if (openOrder !== undefined) return undefined;
  const now = Date.now();
  const set = { nameSet: nameSetDigest(bundle.names.dnsNames), caHost };
  const at = orderAllowedAt(allowances, set, certificate && lifetimeOf(certificate), now);
  if (at <= now) return undefined;
  const instant = new Date(at).toISOString();
  return {
    code: 'rateLimit/exactSet',
    message: `Certificates for exactly these names were ordered so often lately that the CA's limit for one set of names (5 in 7 days) would be passed.`,
    retry: retryModeOf('rateLimit/exactSet'),
    remedy: `The next one is ordered at ${instant}; find out meanwhile who keeps taking the certificate out of Secret ${bundle.secretName}.`,
    notBefore: instant,
  };
}

function issuanceInput(
  cluster: ClusterState,
  bundle: OrderableBundle,
  observation: RequestObservation,
  why: { readonly reason: string; readonly message: string },
): CertificateIssuanceInput {
  const { certificate, issued, openOrder, leftoverRecords: leftRecords } = cluster.record(bundle.name);
  const { dnsNames, commonName } = bundle.names;
  // The account of another CA has nothing that could be replaced.
  const replaces = why.reason === 'CaChanged' ? undefined : certificate?.certId;
  const foreign = certificate !== undefined && !issued.some((one) => one.serialNumber === certificate.serialNumber);
  return {
    cluster: cluster.view.identity,
    bundleName: bundle.name,
    request: observation.request,
    secretName: bundle.secretName,
    dnsNames,
    ...(commonName === undefined ? {} : { commonName }),
    zone: zoneTargetOf(cluster.view),
    reason: why.message,
    ...(openOrder === undefined ? {} : { resumeOrder: openOrder }),
    ...(leftRecords === undefined ? {} : { leftoverRecords: leftRecords }),
    ...(replaces === undefined ? {} : { replaces }),
    ...(foreign ? { returnReplaced: true } : {}),
  };
}

async function recordIssued(
  cluster: ClusterState,
  bundle: OrderableBundle,
  observation: RequestObservation,
  result: CertificateIssuanceResult,
  renewed: boolean,
): Promise<number> {
  const { certificate, issued, replaced } = result;
  const now = Date.now();
  const before = cluster.record(bundle.name);
  const renewal = plannedRenewalOf(certificate, observation);
  const others = (before.unclaimedOrders ?? []).filter((url) => url !== result.orderUrl);
  const known = before.issued.filter((one) => Date.parse(one.notAfter) > now);
  const set = { nameSet: nameSetDigest(bundle.names.dnsNames), caHost: result.caHost };
  cluster.update(bundle.name, {
    ...readyRecord(certificate, renewal),
    certificate,
    caHost: result.caHost,
    suggestedWindow: undefined,
    revokedSerialNumber: undefined,
    leftoverRecords: result.leftoverRecords,
    issued: [...known, ...(replaced === undefined ? [] : [replaced]), issued],
    unclaimedOrders: others.length === 0 ? undefined : others,
    // One that failed after the CA was asked has been counted then.
    rateLimitState:
      before.rateLimitState !== undefined && before.unclaimedOrders?.includes(result.orderUrl) === true
        ? before.rateLimitState
        : recordIssuance(before.rateLimitState ?? [], set, lifetimeOf(certificate), now),
  });
  cluster.publishSearchAttributes();
  cluster.attempts.finish(bundle.name, 'issued');
  if (renewed) cluster.countRenewal();
  await reportBundle(cluster, bundle.name, {
    type: 'Normal',
    reason: renewed ? 'Renewed' : 'Issued',
    message: `Certificate ${certificate.serialNumber} by ${certificate.issuerName} for ${describeNames(certificate.dnsNames)} is in Secret ${bundle.secretName}, valid until ${certificate.notAfter}.`,
  });
  return renewal.at;
}
