import { Context } from '@temporalio/activity';
import type { ReportStatusInput } from '../src/contract/activities/kubernetes.ts';
import type { KubernetesApi } from '../src/kubernetes/api/kubernetes-api.ts';
import type { ManagementClusterAccess } from '../src/kubernetes/objects/apply-certificate-request.ts';
import { BUNDLE_STATUS } from '../src/kubernetes/objects/bundle-status.ts';
import { type RecordEvent, recordEvent } from '../src/kubernetes/objects/events.ts';
import { reportStatus } from '../src/kubernetes/objects/report-status.ts';
import { REQUEST_STATUS } from '../src/kubernetes/objects/request-status.ts';
import { StatusWriter } from '../src/kubernetes/objects/status-writer.ts';
import { TimeLimit } from '../src/network/time-limit.ts';

/** Well below the time limits of the activities that record Events beside their work. */
const EVENT_TIMEOUT_MS = 5_000;

/** Writes statuses and Events, for all activities of a worker: what one has seen, the next need not read. */
export class StatusReporter {
  readonly writers: Pick<ManagementClusterAccess, 'requestStatus' | 'bundleStatus'> = {
    requestStatus: new StatusWriter(REQUEST_STATUS),
    bundleStatus: new StatusWriter(BUNDLE_STATUS),
  };
  readonly #kubernetes: KubernetesApi;

  constructor(kubernetes: KubernetesApi) {
    this.#kubernetes = kubernetes;
  }

  /** As the activity of that name, in the one that it is called in. @throws as `reportStatus`, and the signal's reason. */
  async report(input: ReportStatusInput, signal: AbortSignal): Promise<void> {
    const kubernetes = this.#kubernetes.withSignal(signal);
    await reportStatus({ kubernetes, ...this.writers }, input, this.eventRecorder());
  }

  /** Of the activity that it is called in. */
  eventRecorder(): RecordEvent {
    const { cancellationSignal, info, log } = Context.current();
    return async (object, event) => {
      const limit = new TimeLimit(EVENT_TIMEOUT_MS, cancellationSignal);
      try {
        await recordEvent(this.#kubernetes.withSignal(limit.signal), object, event, info.attempt > 1);
      } catch (error) {
        const problem = error instanceof Error ? error.message : String(error);
        const { resource, namespace, name } = object;
        log.warn('An Event could not be recorded', { object: `${resource.kind} ${namespace}/${name}`, event, problem });
      } finally {
        limit.end();
      }
    };
  }
}
