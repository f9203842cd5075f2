/** The watch on the hub as an activity: where it resumes, what its heartbeat carries, how it ends. */
import { Context } from '@temporalio/activity';
import { z } from 'zod';
import type { WatchActivities, WatchCheckpoint } from '../src/contract/activities.ts';
import { watchTakenOver } from '../src/contract/management-cluster-watch.ts';
import { Controller } from '../src/controller/controller.ts';
import type { ControllerDependencies } from '../src/controller/controller-dependencies.ts';
import { CertmanError } from '../src/failures/failure.ts';
import { heartbeat, heartbeatFrom, wrapActivity } from './wrap-activity.ts';

/** A turn ends well before the activity's start-to-close time-out, so that the position is given by hand. */
const MAX_TURN_MS = 23 * 3_600_000;

const SIGNAL_TIMEOUT_MS = 5_000;

const checkpointSchema = z.record(z.string().max(100), z.string().max(100));

export interface WatchActivityDeps extends Omit<ControllerDependencies, 'client'> {
  /** Aborted when this worker begins to end: the watch is handed on at once, not after the grace that others need. */
  readonly stopping?: AbortSignal;
}

export function createWatchActivities(dependencies: WatchActivityDeps): WatchActivities {
  return {
    watchManagementCluster: wrapActivity(async (input: { readonly resumeFrom?: WatchCheckpoint }) => {
      const context = Context.current();
      const left = checkpointSchema.safeParse(context.info.heartbeatDetails);
      const resumeFrom = left.success ? left.data : (input.resumeFrom ?? {});
      const { logger, settings } = dependencies;
      logger.info(
        { worker: settings.workerName, resumeFrom, attempt: context.info.attempt },
        'This worker watches the hub',
      );
      await signalTakeover(context, settings.workerName);
      const watch = new Controller(
        { ...dependencies, client: () => context.client },
        { resumeFrom, taskQueue: context.info.taskQueue },
      );
      const turn = new AbortController();
      const end = (): void => turn.abort();
      context.cancellationSignal.addEventListener('abort', end, { once: true });
      if (context.cancellationSignal.aborted) end();
      const { stopping } = dependencies;
      stopping?.addEventListener('abort', end, { once: true });
      if (stopping?.aborted === true) end();
      const turnOver = setTimeout(end, MAX_TURN_MS);
      // What lies between two heartbeats is seen twice after a crash, which changes nothing.
      heartbeatFrom(() => watch.checkpoints());
      try {
        const positions = await watch.run(turn.signal);
        logger.info({ worker: settings.workerName, positions }, 'This worker no longer watches the hub');
        if (stopping?.aborted === true) {
          heartbeat(positions);
          throw workerStopping(settings.workerName);
        }
        return positions;
      } finally {
        clearTimeout(turnOver);
        context.cancellationSignal.removeEventListener('abort', end);
        stopping?.removeEventListener('abort', end);
      }
    }),
  };
}

/** A failure, so that Temporal begins the next attempt on another worker, from the position of the last heartbeat. */
function workerStopping(worker: string): CertmanError {
  return new CertmanError({
    code: 'temporal/workerStopping',
    message: `The worker ${worker} is ending; another one takes the watch over.`,
    notBefore: new Date(),
  });
}

/** Lets the workflow show who watches. @throws CertmanError when it cannot be told: it has ended, or Temporal is away. */
async function signalTakeover(context: Context, worker: string): Promise<void> {
  const { workflowExecution } = context.info;
  if (workflowExecution === undefined) return;
  const { client } = context;
  const handle = client.workflow.getHandle(workflowExecution.workflowId, workflowExecution.runId);
  try {
    await client.withDeadline(Date.now() + SIGNAL_TIMEOUT_MS, () => handle.signal(watchTakenOver, { worker }));
  } catch (cause) {
    throw new CertmanError({
      code: 'temporal/unreachable',
      message: 'The workflow of the watch could not be told which worker watches.',
      remedy: 'The watch is begun again from where it was.',
      cause,
    });
  }
}
