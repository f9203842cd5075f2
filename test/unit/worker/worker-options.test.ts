import type { WorkflowInfo } from '@temporalio/workflow';
import { describe, expect, it } from 'vitest';
import { loadConfiguration } from '../../../src/configuration/load-configuration.ts';
import { versioningOptions, workerOptions } from '../../../src/worker/worker-options.ts';

const settings = { deploymentName: undefined, buildId: undefined, heldBackPatches: undefined };
const activationOf = (patchId: string) => ({ patchId, workflowInfo: {} as WorkflowInfo });

/** Of a task queue, by default (dynamic config `matching.numTaskqueueReadPartitions`). */
const PARTITIONS = 4;
/** Of a worker with a tenth of the cores that run 70 a second (docs/decisions/worker-slots.md). */
const MIN_TASKS_PER_SECOND = 6;

describe('a worker', () => {
  it('polls every partition of its queue, with polls that are not cut short, and holds few tasks', () => {
    const options = workerOptions(loadConfiguration({}), 'worker-1');
    const { workflowTaskPollerBehavior: polls, activityTaskPollerBehavior: activityPolls } = options;
    expect(polls?.type).toBe('simple-maximum');
    expect(activityPolls).toEqual(polls);
    const maximum = polls?.type === 'simple-maximum' ? (polls.maximum ?? 0) : 0;
    expect(Math.floor(maximum * (options.nonStickyToStickyPollRatio ?? 0))).toBeGreaterThanOrEqual(PARTITIONS);
    const slots = options.maxConcurrentWorkflowTaskExecutions ?? 0;
    // Each is under way from its dispatch on: the last of them must be done within the task time-out of 10 s.
    expect(slots / MIN_TASKS_PER_SECOND).toBeLessThanOrEqual(10);
    // Polls that wait hold slots: the others are for first tasks, which come with the starts of their workflows.
    expect(maximum).toBeLessThanOrEqual(slots / 3);
  });

  it.each(['20', '1000'])('has a local activity for each of %s workflow tasks, beside those that hang', (tasks) => {
    const options = workerOptions(loadConfiguration({ CERTMAN_MAX_CONCURRENT_WORKFLOW_TASKS: tasks }), 'worker-1');
    expect(options.maxConcurrentWorkflowTaskExecutions).toBe(Number(tasks));
    expect(options.maxConcurrentLocalActivityExecutions).toBeGreaterThanOrEqual(2 * Number(tasks));
  });

  it('is unversioned and holds no patch back by default', () => {
    expect(versioningOptions(settings)).toEqual({});
  });

  it('is versioned by the two variables of the Temporal worker controller, with auto-upgrade of its workflows', () => {
    const versioned = { ...settings, deploymentName: 'certman-operator/certman', buildId: '0.2.0-1f2e' };
    expect(versioningOptions(versioned)).toEqual({
      workerDeploymentOptions: {
        version: { deploymentName: 'certman-operator/certman', buildId: '0.2.0-1f2e' },
        useWorkerVersioning: true,
        defaultVersioningBehavior: 'AUTO_UPGRADE',
      },
    });
  });

  it('starts workflows without the patches that are held back, and with all others', () => {
    const { patchActivationCallback: isActive } = versioningOptions({ ...settings, heldBackPatches: ['held-back'] });
    expect(isActive?.(activationOf('held-back'))).toBe(false);
    expect(isActive?.(activationOf('another'))).toBe(true);
  });
});
