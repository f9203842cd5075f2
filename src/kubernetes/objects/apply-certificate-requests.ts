import type { StatusReport } from '../../certificates/status-report.ts';
import type { ApplyCertificateRequestsInput, RequestObservation } from '../../contract/activities/kubernetes.ts';
import { settledReport } from '../../contract/evaluation.ts';
import { reportDigest } from '../../contract/status-report.ts';
import {
  applyToBundle,
  type CompleteObservation,
  type ManagementClusterAccess,
  readCluster,
} from './apply-certificate-request.ts';
import { writeStatuses } from './report-status.ts';

/** Of a bundle among others: one that takes longer is left out, so that the others neither wait for it nor fail with it. */
const BUNDLE_TIMEOUT_MS = 20_000;
/** Of the statuses: their workflow writes them when it takes longer. */
const STATUS_TIMEOUT_MS = 10_000;

/** What the activity adds to the access. */
export interface EvaluationContext extends ManagementClusterAccess {
  readonly complete: CompleteObservation;
  /** For the status. */
  readonly workflowId: string;
  /** The API, whose requests end so many milliseconds from now. */
  readonly kubernetesWithin: (ms: number) => ManagementClusterAccess['kubernetes'];
  /** A status that could not be written; its workflow writes it. */
  readonly onStatusError: (error: unknown) => void;
}

/**
 * Evaluates bundles of one cluster, which is read once, and reports those of which nothing is due.
 * @returns observations by bundle name, without the bundles that failed, or took long, among others.
 * @throws CertmanError when the object cannot be read, or a bundle fails that is evaluated alone.
 */
export async function applyCertificateRequests(
  context: EvaluationContext,
  { cluster, bundles }: ApplyCertificateRequestsInput,
): Promise<Readonly<Record<string, RequestObservation>>> {
  const bundleNames = bundles.map(({ bundleName }) => bundleName);
  const read = await readCluster(context, cluster, bundleNames);
  const isAlone = bundles.length === 1;
  const results = await Promise.allSettled(
    bundles.map(async ({ bundleName, requestUid, known, planBy = known }) => {
      const access = isAlone ? context : { ...context, kubernetes: context.kubernetesWithin(BUNDLE_TIMEOUT_MS) };
      const observation = await context.complete(await applyToBundle(access, read, { bundleName, requestUid }), {
        kubernetes: access.kubernetes,
        cluster: read,
        bundleName,
        known: planBy,
      });
      const bundle = read.view.bundles.find(({ name }) => name === bundleName);
      const report =
        bundle === undefined || known === undefined
          ? undefined
          : settledReport({
              ...bundle,
              bundleName,
              known,
              observation,
              workflowId: context.workflowId,
              now: Date.now(),
            });
      return { bundleName, observation, report };
    }),
  );
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected' && isAlone) throw failed.reason;
  const observed = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const reports = observed.flatMap(({ report }) => report ?? []);
  const isReported = await writeReports(context, cluster, reports);
  return Object.fromEntries(
    observed.map(({ bundleName, observation, report: made }) => [
      bundleName,
      isReported && made !== undefined ? { ...observation, reported: reportDigest(made) } : observation,
    ]),
  );
}

/** @returns whether all are written. */
async function writeReports(
  { kubernetesWithin, requestStatus, bundleStatus, onStatusError }: EvaluationContext,
  cluster: ApplyCertificateRequestsInput['cluster'],
  reports: readonly StatusReport[],
): Promise<boolean> {
  if (reports.length === 0) return false;
  try {
    const kubernetes = kubernetesWithin(STATUS_TIMEOUT_MS);
    await writeStatuses({ kubernetes, requestStatus, bundleStatus }, cluster, reports);
    return true;
  } catch (error) {
    onStatusError(error);
    return false;
  }
}
