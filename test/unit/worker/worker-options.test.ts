import type { WorkflowInfo } from '@temporalio/workflow';
import { describe, expect, it } from 'vitest';
import { versioningOptions } from '../../../src/worker/worker-options.ts';

const settings = { deploymentName: undefined, buildId: undefined, heldBackPatches: undefined };
const activationOf = (patchId: string) => ({ patchId, workflowInfo: {} as WorkflowInfo });

describe('a worker', () => {
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
