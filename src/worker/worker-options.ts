import type { WorkerDeploymentVersion } from '@temporalio/common';
import type { WorkerOptions } from '@temporalio/worker';
import type { Configuration } from '../configuration/load-configuration.ts';
import { taskQueueOf } from '../contract/ids.ts';
import { cachedWorkflowsFor, memoryLimit } from './memory-limit.ts';

/** Added to the grace period: time for cancelled activities to record that they were cancelled. */
const FORCE_AFTER_GRACE_MS = 5_000;

/** The SDK's default. */
const DEFAULT_LOCAL_ACTIVITIES = 100;

/** The settings as options: all but the connection, the code of workflows and activities, and the interceptors. */
export function workerOptions(configuration: Configuration, identity: string): WorkerOptions {
  const { maxPollers, shutdownGraceMs } = configuration;
  // Not `autoscaling`, whose polls end after 11 s while tasks are frequent (sdk-core, pollers/poll_buffer.rs): a task that a
  // loaded server starts for a poll that has just ended reaches no worker until its time-out of 10 s.
  const pollers = { type: 'simple-maximum', maximum: maxPollers } as const;
  return {
    ...versioningOptions(configuration),
    namespace: configuration.temporal.namespace,
    taskQueue: taskQueueOf(configuration.managementCluster),
    identity,
    maxConcurrentActivityTaskExecutions: configuration.maxConcurrentActivities,
    maxConcurrentWorkflowTaskExecutions: configuration.maxConcurrentWorkflowTasks,
    // Each task has one at most. One that has timed out may still hold its slot.
    maxConcurrentLocalActivityExecutions: Math.max(
      DEFAULT_LOCAL_ACTIVITIES,
      2 * configuration.maxConcurrentWorkflowTasks,
    ),
    maxCachedWorkflows: configuration.maxCachedWorkflows ?? cachedWorkflowsFor(memoryLimit()),
    workflowTaskPollerBehavior: pollers,
    activityTaskPollerBehavior: pollers,
    // A poll waits at one of the task queue's four partitions for up to a minute: with fewer polls of the queue, a task
    // dispatched just after the server came back can wait for as long.
    nonStickyToStickyPollRatio: 0.5,
    // Activities throttle their periodic heartbeats themselves (activities/wrap-activity.ts). One with progress, such
    // as the URL of an order, must reach Temporal before the worker can crash.
    maxHeartbeatThrottleInterval: '50 milliseconds',
    shutdownGraceTime: shutdownGraceMs,
    shutdownForceTime: shutdownGraceMs + FORCE_AFTER_GRACE_MS,
  };
}

/** The version that Temporal routes tasks to this worker by; undefined: it has none. */
export function versionOf({
  deploymentName,
  buildId,
}: Pick<Configuration, 'deploymentName' | 'buildId'>): WorkerDeploymentVersion | undefined {
  return deploymentName && buildId ? { deploymentName, buildId } : undefined;
}

/** Unversioned, and with every patch active, unless the settings say otherwise (docs/decisions/upgrades.md). */
export function versioningOptions(
  settings: Pick<Configuration, 'deploymentName' | 'buildId' | 'heldBackPatches'>,
): Pick<WorkerOptions, 'workerDeploymentOptions' | 'patchActivationCallback'> {
  const version = versionOf(settings);
  const heldBack = new Set<string>(settings.heldBackPatches);
  return {
    // A workflow sleeps longer than the pods of its version exist.
    workerDeploymentOptions: version && {
      version,
      useWorkerVersioning: true,
      defaultVersioningBehavior: 'AUTO_UPGRADE',
    },
    // Called only when a run starts; for a run in progress, its history decides.
    patchActivationCallback: heldBack.size === 0 ? undefined : ({ patchId }) => !heldBack.has(patchId),
  };
}
