/** A cluster with one certificate bundle, as tests of its orders follow it. */
import type { CertificateFacts, SecretObservation } from '../../../src/certificates/certificate-facts.ts';
import type { PlaceOrderInput } from '../../../src/contract/activities/acme.ts';
import {
  type BundleRecord,
  failedAttemptsOf,
  failureOf,
  nextAttemptOf,
  renewalTimeOf,
} from '../../../src/contract/bundle-record.ts';
import { dependencyChanged } from '../../../src/contract/cluster-certificates.ts';
import { clusterWorkflowId } from '../../../src/contract/ids.ts';
import { eventually } from '../vitest/eventually.ts';
import { clusterView } from './cluster-views.ts';
import { untilReady, type WorkflowHarness } from './harness.ts';

const HOUR_MS = 3_600_000;

/** Of a cluster. */
export type View = ReturnType<typeof clusterView>;

/** Starts a cluster, and waits until it is Ready. */
export async function begun(harness: WorkflowHarness): Promise<View> {
  const view = clusterView();
  await harness.start(view);
  await untilReady(harness, view);
  return view;
}

type SummarizedRecord = BundleRecord & ReturnType<typeof summaryOf>;

function summaryOf(found: BundleRecord) {
  return {
    failure: failureOf(found),
    failedAttempts: failedAttemptsOf(found),
    nextAttempt: nextAttemptOf(found),
    renewalTime: renewalTimeOf(found),
  };
}

/** Of its bundle, with what follows from it. */
export async function record(harness: WorkflowHarness, view: View): Promise<SummarizedRecord> {
  const found = (await harness.status(view)).bundles['primary'];
  if (found === undefined) throw new Error('no record');
  return { ...found, ...summaryOf(found) } as SummarizedRecord;
}

/** Waits until this many certificates were issued and the bundle is Ready. */
export async function issuedAndReady(harness: WorkflowHarness, view: View, count: number): Promise<SummarizedRecord> {
  await eventually(
    `certificate ${count}`,
    async () => harness.doubles.issued.length,
    (found) => found === count,
  );
  await eventually(
    'Ready',
    () => record(harness, view),
    (found) => found.state === 'Ready' && found.certificate?.serialNumber === String(999 + count),
  );
  return await record(harness, view);
}

/** Of its workflow. */
export function handleOf(harness: WorkflowHarness, view: View) {
  return harness.env.client.workflow.getHandle(clusterWorkflowId(view.identity));
}

/** Signals a change, and waits for the evaluation. */
export async function evaluateAgain(harness: WorkflowHarness, view: View): Promise<void> {
  const before = harness.doubles.countOf('applyCertificateRequest');
  await handleOf(harness, view).signal(dependencyChanged, { what: 'a test' });
  await eventually(
    'evaluated',
    async () => harness.doubles.countOf('applyCertificateRequest'),
    (count) => count > before,
  );
}

/** Input of the order that was placed last. */
export function lastOrder(harness: WorkflowHarness): PlaceOrderInput {
  return harness.doubles.calls.findLast(({ activity }) => activity === 'placeOrder')?.input as PlaceOrderInput;
}

/** A certificate of 90 days for the view's names, begun `sinceMs` from now. */
export function certificateOf(view: View, serialNumber: string, sinceMs = -HOUR_MS): SecretObservation {
  const names = view.bundles[0]?.names;
  const begins = Date.now() + sinceMs;
  const certificate: CertificateFacts = {
    serialNumber,
    issuerName: 'Test CA',
    notBefore: new Date(begins).toISOString(),
    notAfter: new Date(begins + 90 * 24 * HOUR_MS).toISOString(),
    dnsNames: names?.kind === 'valid' ? names.dnsNames : [],
    fingerprint: `fingerprint of ${serialNumber}`,
    certId: `id.${serialNumber}`,
  };
  return { kind: 'valid', certificate };
}
