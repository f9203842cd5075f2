import type { StatusReport } from '../../certificates/status-report.ts';
import type { ApplyCertificateRequestsInput, RequestObservation } from '../../contract/activities.ts';
import { settledReport } from '../../contract/evaluation.ts';
import { reportDigest } from '../../contract/status-report.ts';
import { applyToBundle, type ManagementClusterAccess, readCluster } from './apply-certificate-request.ts';
import { writeStatuses } from './report-status.ts';

/** What the activity adds to the access. */
export interface EvaluationContext extends ManagementClusterAccess {
  /** Completes what was observed of a bundle. */
  readonly withCa: (observation: RequestObservation) => Promise<RequestObservation>;
  /** For the status. */
  readonly workflowId: string;
  /** For the statuses: its requests end soon, since they must not hold up the evaluation. */
  readonly kubernetesForStatus: () => ManagementClusterAccess['kubernetes'];
  /** A status that could not be written; its workflow writes it. */
  readonly onStatusError: (error: unknown) => void;
}

/**
 * Evaluates bundles of one cluster, which is read once, and reports those of which nothing is due.
 * @returns observations by bundle name, without the bundles that failed among others.
 * @throws CertmanError when the object cannot be read, or a bundle fails that is evaluated alone.
 */
export async function applyCertificateRequests(
  context: EvaluationContext,
  { cluster, bundles }: ApplyCertificateRequestsInput,
): Promise<Readonly<Record<string, RequestObservation>>> {
  const read = await readCluster(context, cluster);
  const results = await Promise.allSettled(
    bundles.map(async ({ bundleName, requestUid, known }) => {
      const observation = await context.withCa(await applyToBundle(context, read, { bundleName, requestUid }));
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
  if (failed?.status === 'rejected' && bundles.length === 1) throw failed.reason;
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
  { kubernetesForStatus, requestStatus, bundleStatus, onStatusError }: EvaluationContext,
  cluster: ApplyCertificateRequestsInput['cluster'],
  reports: readonly StatusReport[],
): Promise<boolean> {
  if (reports.length === 0) return false;
  try {
    await writeStatuses({ kubernetes: kubernetesForStatus(), requestStatus, bundleStatus }, cluster, reports);
    return true;
  } catch (error) {
    onStatusError(error);
    return false;
  }
}
