/** Puts a bundle's record on the cluster's resources. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';
import { conditionsFor } from '../../src/certificates/status-messages.ts';
import type { StatusReport } from '../../src/certificates/status-report.ts';
import { reportStatus } from '../activities.ts';
import { failureIn } from '../failures.ts';
import type { ClusterState } from './cluster-state.ts';

/** A step that ends sooner is not worth telling: its end is told. */
const SLOW_STEP = '30 seconds';

/** Writes conditions, status and the Event. A refusal is kept in the record until they are written, for the Web UI and the CLI to show. */
export async function reportBundle(
  cluster: ClusterState,
  bundleName: string,
  event?: StatusReport['event'],
): Promise<void> {
  const record = cluster.record(bundleName);
  try {
    await reportStatus({
      cluster: cluster.view.identity,
      report: {
        bundleName,
        requestName: record.requestName,
        secretName: record.secretName,
        workflowId: cluster.workflowId(),
        state: record.state,
        conditions: conditionsFor(record, Date.now()),
        ...(record.certificate === undefined ? {} : { certificate: record.certificate }),
        ...(record.caHost === undefined ? {} : { caHost: record.caHost }),
        ...(record.suggestedWindow === undefined ? {} : { suggestedWindow: record.suggestedWindow }),
        ...(record.renewalTime === undefined ? {} : { renewalTime: record.renewalTime }),
        ...(record.nextAttempt === undefined ? {} : { nextAttempt: record.nextAttempt }),
        failedAttempts: record.failedAttempts,
        ...(event === undefined ? {} : { event }),
      },
    });
    if (record.statusWriteError !== undefined) cluster.update(bundleName, { statusWriteError: undefined });
  } catch (error) {
    if (isCancellation(error)) throw error;
    const failure = failureIn(error);
    // A resource that is gone is the watch's news to bring; anything else must be seen by somebody.
    if (failure.code !== 'kubernetes/notFound') cluster.update(bundleName, { statusWriteError: failure.message });
  }
}

/** Does something, and tells the present state on the resources if it takes long. */
export async function reportWhenSlow<T>(cluster: ClusterState, bundleName: string, work: () => Promise<T>): Promise<T> {
  const notice = new CancellationScope();
  const told = notice
    .run(async () => {
      await sleep(SLOW_STEP, { summary: `write the status of ${bundleName} if the step is slow` });
      cluster.publishSearchAttributes();
      await reportBundle(cluster, bundleName);
    })
    .catch((error: unknown) => {
      if (!isCancellation(error)) throw error;
    });
  try {
    return await work();
  } finally {
    notice.cancel();
    await told;
  }
}
