import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { WatchActivities, WatchCheckpoint } from '../src/contract/activities/watch.ts';
import { watchTakenOver } from '../src/contract/management-cluster-watch.ts';
import { runController } from '../src/controller/controller.ts';
import type { ControllerDependencies } from '../src/controller/controller-context.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { heartbeat, heartbeatFrom, wrapActivity } from './wrap-activity.ts';

/** Well below the activity's start-to-close time-out, so that an attempt ends with its checkpoint as the result. */
const MAX_ATTEMPT_MS = 23 * 3_600_000;
const SIGNAL_TIMEOUT_MS = 5_000;

/** Of a list of namespaces, a position is that of each. */
const MAX_POSITION_LENGTH = 32_768;
const checkpointSchema = z.record(z.string().max(100), z.string().max(MAX_POSITION_LENGTH));

/** The checkpoint in heartbeat details; undefined when it is none. */
export function readCheckpoint(details: unknown): WatchCheckpoint | undefined {
  return checkpointSchema.safeParse(details).data;
}

/** What the watch activity needs from the worker. */
export interface WatchActivityDeps extends ControllerDependencies {
  /** Aborted when this worker begins to stop: another one takes over at once, without the grace of other activities. */
  readonly stopping?: AbortSignal;
}

/** Creates the activity that runs the controller, with its checkpoint as heartbeat details. */
export function createWatchActivities(dependencies: WatchActivityDeps): WatchActivities {
  const { logger, settings, stopping } = dependencies;
  return {
    watchManagementCluster: wrapActivity(async (input: { readonly resumeFrom?: WatchCheckpoint }) => {
      const context = Context.current();
      const worker = settings.workerName;
      const { heartbeatDetails, taskQueue, attempt } = context.info;
      const resumeFrom = readCheckpoint(heartbeatDetails) ?? input.resumeFrom ?? {};
      logger.info({ worker, resumeFrom, attempt }, 'This worker watches the management cluster');
      await signalTakeover(context, worker);
      const limits = [context.cancellationSignal, AbortSignal.timeout(MAX_ATTEMPT_MS)];
      const signal = AbortSignal.any(stopping === undefined ? limits : [...limits, stopping]);
      const checkpoint = await runController(
        dependencies,
        // Events after the last heartbeat are handled again by the next worker, which changes nothing.
        { resumeFrom, taskQueue, signal, onStart: heartbeatFrom },
      );
      logger.info({ worker, checkpoint }, 'This worker no longer watches the management cluster');
      if (stopping?.aborted !== true) return checkpoint;
      heartbeat(checkpoint);
      throw new CertmanError({
        code: 'temporal/workerStopping',
        message: `The worker ${worker} is stopping; another worker takes over the watch.`,
        notBefore: new Date(),
      });
    }),
  };
}

/** Shows in the workflow which worker watches. @throws CertmanError `temporal/unreachable` when the signal fails. */
async function signalTakeover({ info, client }: Context, worker: string): Promise<void> {
  if (info.workflowExecution === undefined) return;
  const { workflowId, runId } = info.workflowExecution;
  const handle = client.workflow.getHandle(workflowId, runId);
  try {
    await client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, () => handle.signal(watchTakenOver, { worker }));
  } catch (cause) {
    throw new CertmanError({
      code: 'temporal/unreachable',
      message: 'The workflow of the watch could not be signalled which worker watches.',
      remedy: 'The watch starts again from its checkpoint.',
      cause,
    });
  }
}
